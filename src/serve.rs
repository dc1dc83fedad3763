//! The life of a node: it reads while there is something to read, writes when there is nothing
//! more to read, and finishes what it has begun when its input ends.

use std::future::{Future, poll_fn};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use crate::link::{Link, Seams};
use crate::node::handling;
use crate::outbox::BATCH_BYTES;
use crate::server::Server;
use crate::{Context, Error, IntoNode, Node, Result};

/// How long handlers may go on after the end of input. As long as Maelstrom's clients wait.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a node on a link until its input ends: requests that were accepted are finished then, and
/// what they say is written.
///
/// `make` is called when `init` arrives. All that the node spawns lives inside this future:
/// dropping it kills the node. Uses no thread, no global state, and no clock but tokio's. Must run
/// inside a `LocalRuntime` or a `LocalSet` of tokio.
///
/// # Errors
/// The link cannot be written to, or the node failed ([`Context::fail`]). A link that is closed on
/// the other side is no error.
pub async fn serve<M: IntoNode>(
    link: Link,
    seams: Seams,
    make: impl FnOnce(&Context) -> M,
) -> anyhow::Result<()> {
    let make = Box::new(|cx: &Context| make(cx).into_node());
    match run(Server::new(seams, make, handling), link).await {
        Ok(None) => Ok(()),
        Ok(Some(failure)) => Err(failure.into()),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(e) => Err(anyhow::Error::new(e).context("writing messages")),
    }
}

/// Returns the error with which the node ended itself, if it did.
async fn run<N, F>(mut server: Server<'_, N, F>, mut link: Link) -> io::Result<Option<Error>>
where
    N: Node,
    F: Future<Output = Result<N::Reply>> + 'static,
{
    let outbox = Rc::clone(server.outbox());
    let failure = Rc::clone(server.failure());
    let mut end = None;
    let mut burst = 0;
    loop {
        let given_up = end.unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            failure = failure.wait() => {
                outbox.write_to(&mut link.outbound)?;
                return Ok(Some(failure));
            }
            batch = link.inbound.recv(), if end.is_none() => match batch {
                Some(batch) => {
                    server.watch_backlog(link.inbound.len());
                    server.take(&batch);
                    burst += batch.len();
                    if burst >= BATCH_BYTES || outbox.len() >= BATCH_BYTES {
                        // However much comes in, replies go out, and timers have their turn.
                        burst = 0;
                        outbox.write_to(&mut link.outbound)?;
                        yield_now().await;
                    }
                }
                None => end = Some(Instant::now() + GRACE),
            },
            () = poll_fn(|cx| outbox.poll_ready(cx)) => {
                burst = 0;
                outbox.write_to(&mut link.outbound)?;
            }
            handled = server.waiting.join_next(), if end.is_some() => {
                if handled.is_none() {
                    break;
                }
            }
            () = sleep_until(given_up), if end.is_some() => {
                server.log(&format!("{} requests are given up", server.waiting.len()));
                break;
            }
        }
    }
    outbox.write_to(&mut link.outbound)?;
    Ok(None)
}
