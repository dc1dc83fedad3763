//! The life of a node: lines in, requests handled, replies out.
//!
//! A handler is polled once where it stands, in an allocation that is used again and again. Most
//! finish there, so that a reply costs neither a task nor an allocation, and replies keep the order
//! of their requests. A handler that has to wait moves into a task of its own, and delays nobody.

use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll, Waker};
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep_until};

use crate::backlog::Backlog;
use crate::context::NodeId;
use crate::guard::{Guarded, Panic, guarded};
use crate::link::{Link, Seams};
use crate::node::handling;
use crate::outbox::{BATCH_BYTES, Field, Outbox};
use crate::wire::{self, Envelope, Header, Init, Message, MsgId};
use crate::{Context, Error, ErrorCode, IntoNode, Node, Result};

/// How long handlers may go on after the end of input. As long as Maelstrom's clients wait.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a node on a link until its input ends: accepted requests are finished then, and what
/// they say is written.
///
/// `make` is called when `init` arrives. All that the node spawns lives inside this future:
/// dropping it kills the node. Uses no thread, no global state, and no clock but tokio's. Must run
/// inside a `LocalRuntime` or a `LocalSet` of tokio.
///
/// # Errors
/// If the link cannot be written to. A link that is closed on the other side is no error.
pub async fn serve<M: IntoNode>(
    link: Link,
    seams: Seams,
    make: impl FnOnce(&Context) -> M,
) -> anyhow::Result<()> {
    let mut server = Server::new(seams, make, handling::<M::Node>);
    match server.run(link).await {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(|e| anyhow::Error::new(e).context("writing messages")),
    }
}

/// A node from its first message on. `start` turns a request into the future `F` of its reply.
struct Server<N, Make, Start, F> {
    state: State<N, Make>,
    start: Start,
    /// Where the next handler is polled for the first time.
    slot: Guarded<F>,
    /// The handlers that wait for something.
    waiting: JoinSet<()>,
    outbox: Rc<Outbox>,
    seams: Seams,
    waiting_backlog: Backlog,
    inbound_backlog: Backlog,
}

enum State<N, Make> {
    /// Before `init`.
    New(Make),
    Running(Rc<N>, Context),
    /// `init` was refused.
    Failed(Error),
}

impl<N, M, Make, Start, F> Server<N, Make, Start, F>
where
    N: Node,
    M: IntoNode<Node = N>,
    Make: FnOnce(&Context) -> M,
    Start: Fn(Rc<N>, N::Request, Context) -> F,
    F: Future<Output = Result<N::Reply>> + 'static,
{
    fn new(seams: Seams, make: Make, start: Start) -> Self {
        Self {
            state: State::New(make),
            start,
            slot: Guarded::empty(),
            waiting: JoinSet::new(),
            outbox: Rc::default(),
            seams,
            waiting_backlog: Backlog::new("requests in progress"),
            inbound_backlog: Backlog::new("batches of input not yet read"),
        }
    }

    async fn run(&mut self, mut link: Link) -> io::Result<()> {
        let mut end = None;
        let mut burst = 0;
        loop {
            let outbox = Rc::clone(&self.outbox);
            tokio::select! {
                biased;
                batch = link.inbound.recv(), if end.is_none() => match batch {
                    Some(batch) => {
                        let log = |text: &str| (self.seams.log)(text);
                        self.inbound_backlog.observe(link.inbound.len(), log);
                        self.lines(&batch);
                        burst += batch.len();
                        if burst >= BATCH_BYTES || self.outbox.len() >= BATCH_BYTES {
                            // However much comes in, replies go out, and timers have their turn.
                            burst = 0;
                            self.outbox.write_to(&mut link.outbound)?;
                            yield_now().await;
                        }
                    }
                    None => end = Some(Instant::now() + GRACE),
                },
                () = poll_fn(|cx| outbox.poll_ready(cx)) => {
                    burst = 0;
                    self.outbox.write_to(&mut link.outbound)?;
                }
                handled = self.waiting.join_next(), if end.is_some() => {
                    if handled.is_none() {
                        break;
                    }
                }
                () = at(end) => {
                    self.log(&format!("{} requests are given up", self.waiting.len()));
                    break;
                }
            }
        }
        self.outbox.write_to(&mut link.outbound)
    }

    /// Takes a batch of lines, one after the other. A line that is no text is skipped.
    fn lines(&mut self, batch: &[u8]) {
        match std::str::from_utf8(batch) {
            Ok(text) => text.split('\n').for_each(|line| self.line(line)),
            Err(_) => {
                for line in batch.split(|byte| *byte == b'\n') {
                    match std::str::from_utf8(line) {
                        Ok(line) => self.line(line),
                        Err(e) => self.log(&format!("skipped a line: {e}")),
                    }
                }
            }
        }
    }

    fn line(&mut self, line: &str) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        if matches!(self.state, State::Running(..))
            && let Ok(Message { src, body, .. }) = serde_json::from_str(line)
        {
            return self.handle(&src, body.msg_id, Ok(body.request));
        }
        match serde_json::from_str(line) {
            Ok(message) => self.message(&message),
            Err(e) => self.log(&format!(
                "skipped a line that is no message ({e}): {}",
                head(line)
            )),
        }
    }

    /// Takes what is not simply a proper request.
    fn message(&mut self, message: &Envelope<'_, &RawValue>) {
        let header = match serde_json::from_str::<Header<'_>>(message.body.get()) {
            Ok(header) => header,
            Err(e) => return self.refuse_body(message, &e),
        };
        if let Some(in_reply_to) = header.in_reply_to {
            if let State::Running(_, cx) = &self.state {
                cx.calls().reply(in_reply_to.get(), &header, message.body);
            }
        } else if header.kind == "init" {
            self.init(message, &header);
        } else {
            let why = match &self.state {
                State::Running(..) => {
                    let request = wire::request(&header.kind, message.body);
                    return self.handle(&message.src, header.msg_id, request);
                }
                State::New(_) => "this node waits for its init".to_owned(),
                State::Failed(error) => format!("this node could not start: {error}"),
            };
            self.refuse(message, header.msg_id, &Error::temporarily_unavailable(why));
        }
    }

    /// Answers a body without a proper header, if it says at least where the answer goes.
    fn refuse_body(&mut self, message: &Envelope<'_, &RawValue>, why: &serde_json::Error) {
        match serde_json::from_str::<MsgId<'_>>(message.body.get()) {
            Ok(MsgId {
                msg_id: Some(msg_id),
            }) => {
                let error = Error::malformed_request(format!("not a proper body: {why}"));
                self.refuse(message, Some(msg_id), &error);
            }
            _ => self.log(&format!("skipped a message without a proper body: {why}")),
        }
    }

    fn init(&mut self, message: &Envelope<'_, &RawValue>, header: &Header<'_>) {
        let init = match serde_json::from_str::<Init>(message.body.get()) {
            Ok(init) => init,
            Err(e) => {
                let error = Error::malformed_request(format!("not a proper init: {e}"));
                return self.refuse(message, header.msg_id, &error);
            }
        };
        match std::mem::replace(&mut self.state, State::Failed(Error::crash("init"))) {
            State::New(make) => {
                let cx = Context::new(init, Rc::clone(&self.outbox), self.seams.clone());
                self.log(&format!("node {}, seed {}", cx.id(), self.seams.seed));
                let made = guarded(|| make(&cx).into_node()).unwrap_or_else(|panic| {
                    Err(Error::crash(format!("making the node panicked: {panic}")))
                });
                match made {
                    Ok(node) => self.begin(message, header, node, cx),
                    Err(error) => {
                        self.log(&format!("the node cannot start: {error}"));
                        cx.cancel();
                        self.refuse(message, header.msg_id, &error);
                        self.state = State::Failed(error);
                    }
                }
            }
            state => {
                self.state = state;
                let error = match &self.state {
                    State::Failed(error) => error.clone(),
                    _ => Error::precondition_failed("this node has its init already"),
                };
                self.refuse(message, header.msg_id, &error);
            }
        }
    }

    fn begin(
        &mut self,
        message: &Envelope<'_, &RawValue>,
        header: &Header<'_>,
        node: N,
        cx: Context,
    ) {
        #[derive(Serialize)]
        #[serde(tag = "type", rename = "init_ok")]
        struct InitOk {}

        if let Some(msg_id) = header.msg_id {
            self.push(message, &InitOk {}, msg_id);
        }
        let node = Rc::new(node);
        cx.spawn({
            let (node, cx) = (Rc::clone(&node), cx.clone());
            async move { node.background(&cx).await }
        });
        self.state = State::Running(node, cx);
    }

    /// Starts the handler of a request, and answers if that is all it takes.
    fn handle(&mut self, src: &str, msg_id: Option<&RawValue>, request: Result<N::Request>) {
        let State::Running(node, cx) = &self.state else {
            unreachable!("requests are handled by a running node")
        };
        let request = match request {
            Ok(request) => request,
            Err(error) => return answer::<N>(cx, src, msg_id, Ok(Err(error))),
        };
        let cx = cx.of_request(NodeId::from(src));
        self.slot
            .set((self.start)(Rc::clone(node), request, cx.clone()));
        let now = &mut task::Context::from_waker(Waker::noop());
        match Pin::new(&mut self.slot).poll(now) {
            Poll::Ready(outcome) => answer::<N>(&cx, src, msg_id, outcome),
            Poll::Pending => {
                let handler = std::mem::replace(&mut self.slot, Guarded::empty());
                let msg_id = msg_id.map(ToOwned::to_owned);
                while self.waiting.try_join_next().is_some() {}
                self.waiting.spawn_local(async move {
                    let outcome = handler.await;
                    answer::<N>(&cx, cx.sender(), msg_id.as_deref(), outcome);
                });
                let log = |text: &str| (self.seams.log)(text);
                self.waiting_backlog.observe(self.waiting.len(), log);
            }
        }
    }

    /// Refuses a message on behalf of a node that may not exist yet.
    fn refuse(&self, message: &Envelope<'_, &RawValue>, msg_id: Option<&RawValue>, error: &Error) {
        match msg_id {
            Some(msg_id) => self.push(message, &ErrorReply::from(error), msg_id),
            None => self.log(&format!("skipped a message: {error}")),
        }
    }

    fn push(&self, to: &Envelope<'_, &RawValue>, body: &impl Serialize, msg_id: &RawValue) {
        let field = Field::InReplyTo(msg_id.get());
        let sent = self.outbox.push(&to.dest, &to.src, body, field);
        sent.expect("the runtime's own replies can be written");
    }

    fn log(&self, text: &str) {
        (self.seams.log)(text);
    }
}

impl<N, Make, Start, F> Drop for Server<N, Make, Start, F> {
    /// The node ends with its server, even if somebody still holds a context.
    fn drop(&mut self) {
        if let State::Running(_, cx) = &self.state {
            self.outbox.close();
            cx.cancel();
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "error")]
struct ErrorReply<'a> {
    code: ErrorCode,
    text: &'a str,
}

impl<'a> From<&'a Error> for ErrorReply<'a> {
    fn from(error: &'a Error) -> Self {
        Self {
            code: error.code,
            text: &error.text,
        }
    }
}

/// Sends what became of a request; to nobody, if nobody asked for it.
fn answer<N: Node>(
    cx: &Context,
    client: &str,
    msg_id: Option<&RawValue>,
    outcome: Result<Result<N::Reply>, Panic>,
) {
    let outcome = outcome.unwrap_or_else(|panic| {
        cx.log(&format!(
            "the handler of a message from {client} panicked: {panic}"
        ));
        Err(Error::crash(format!("the handler panicked: {panic}")))
    });
    let Some(msg_id) = msg_id else {
        if let Err(error) = outcome {
            cx.log(&format!("a message from {client} failed: {error}"));
        }
        return;
    };
    let outcome = outcome.and_then(|reply| {
        let sent = cx.push(client, &reply, Field::InReplyTo(msg_id.get()));
        sent.map_err(|e| Error::crash(format!("the reply cannot be written: {e}")))
    });
    if let Err(error) = outcome {
        let sent = cx.push(
            client,
            &ErrorReply::from(&error),
            Field::InReplyTo(msg_id.get()),
        );
        sent.expect("an error can be written");
    }
}

/// Sleeps until then, or for ever.
async fn at(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// As much of a line as a log can bear.
fn head(line: &str) -> Cow<'_, str> {
    match line.char_indices().nth(200) {
        Some((end, _)) => Cow::Owned(format!("{}…", &line[..end])),
        None => Cow::Borrowed(line),
    }
}
