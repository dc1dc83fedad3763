//! The main loop of a node: it reads all available input, then writes all output, and finishes
//! accepted requests when its input ends.

use std::future::{pending, poll_fn};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use crate::handlers::AnyNode;
use crate::link::{Link, Seams};
use crate::outbox::BATCH_BYTES;
use crate::server::{Make, Server};
use crate::{Context, Error, IntoNode};

/// The time that handlers get to finish after the end of input: as long as Maelstrom's clients wait
/// for a reply.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs a node on a link until its input ends, all accepted requests are finished, and all messages are
/// written.
///
/// `make` is called when `init` arrives. Everything that the node spawns runs inside this future:
/// dropping it kills the node. It uses no thread, no global state but a cache of names, and no clock but
/// tokio's, and must run inside tokio's `LocalRuntime` or `LocalSet`.
///
/// # Errors
///
/// The node called [`Context::fail`], or the link cannot be written to. A link that was closed by the
/// other side is not an error.
pub async fn serve<M: IntoNode>(
    link: Link,
    seams: Seams,
    make: impl FnOnce(&Context) -> M,
) -> anyhow::Result<()> {
    serve_returning(link, seams, of_any_type(make), &drop).await
}

/// Hides the type of the node that `make` returns.
pub(crate) fn of_any_type<'m, M: IntoNode>(make: impl FnOnce(&Context) -> M + 'm) -> Make<'m> {
    Box::new(|cx| Ok(Rc::new(make(cx).into_node()?) as Rc<dyn AnyNode>))
}

/// Runs a node like [`serve`], and gives back each batch that it has processed.
pub(crate) async fn serve_returning(
    link: Link,
    seams: Seams,
    make: Make<'_>,
    give_back: &dyn Fn(Vec<u8>),
) -> anyhow::Result<()> {
    match run(Server::new(seams, make), link, give_back).await {
        Ok(None) => Ok(()),
        Ok(Some(failure)) => Err(failure.into()),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(e) => Err(anyhow::Error::new(e).context("writing messages")),
    }
}

/// Runs the main loop. Returns the node's fatal error, if it had one.
async fn run(
    mut server: Server<'_>,
    mut link: Link,
    give_back: &dyn Fn(Vec<u8>),
) -> io::Result<Option<Error>> {
    let outbox = Rc::clone(server.outbox());
    let failure = Rc::clone(server.failure());
    let mut fatal = None;
    let mut end = None;
    let mut burst = 0;
    loop {
        tokio::select! {
            biased;
            error = poll_fn(|cx| failure.poll(cx)) => {
                fatal = Some(error);
                break;
            }
            batch = link.inbound.recv(), if end.is_none() => match batch {
                Some(batch) => {
                    server.watch_backlog(link.inbound.len());
                    outbox.forget_writer();
                    server.receive(&batch);
                    burst += batch.len();
                    give_back(batch);
                    if burst >= BATCH_BYTES || outbox.len() >= BATCH_BYTES {
                        // Write replies and let timers run, however much input there is.
                        burst = 0;
                        outbox.write_to(&mut link.outbound)?;
                        yield_now().await;
                    }
                }
                None => end = Some(Instant::now() + SHUTDOWN_TIMEOUT),
            },
            () = poll_fn(|cx| outbox.poll_ready(cx)) => {
                burst = 0;
                outbox.write_to(&mut link.outbound)?;
            }
            handled = server.waiting().join_next(), if end.is_some() => {
                if handled.is_none() {
                    break;
                }
            }
            () = reached(end) => {
                let unfinished = server.waiting().len();
                server.log(&format!("abandoned {unfinished} unfinished requests"));
                break;
            }
        }
    }
    outbox.write_to(&mut link.outbound)?;
    Ok(fatal)
}

/// Waits until this time; forever if there is none.
async fn reached(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => pending().await,
    }
}
