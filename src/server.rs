//! Dispatch of incoming lines: each is a request for a handler, a reply to a pending call, or an error.

use std::borrow::Cow;
use std::rc::Rc;

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::task::JoinSet;

use crate::answer::ErrorReply;
use crate::backlog::Backlog;
use crate::failure::Failure;
use crate::guard::guarded;
use crate::handlers::{AnyNode, Handlers, RawRequest};
use crate::link::Seams;
use crate::outbox::{Field, Outbox};
use crate::wire::{Envelope, Header, Init, MsgId};
use crate::{Context, Error, Result};

/// The state of a node between messages.
pub(crate) struct Server<'m> {
    state: State<'m>,
    handlers: Handlers,
    outbox: Rc<Outbox>,
    failure: Rc<Failure>,
    seams: Seams,
    inbound_backlog: Backlog,
}

/// Creates the node when `init` arrives.
pub(crate) type Make<'m> = Box<dyn FnOnce(&Context) -> Result<Rc<dyn AnyNode>> + 'm>;

enum State<'m> {
    /// Before `init`.
    New(Make<'m>),
    Running(Rc<dyn AnyNode>, Context),
    /// `init` was refused.
    Failed(Error),
}

impl<'m> Server<'m> {
    pub(crate) fn new(seams: Seams, make: Make<'m>) -> Self {
        Self {
            state: State::New(make),
            handlers: Handlers::new(),
            outbox: Rc::default(),
            failure: Rc::default(),
            seams,
            inbound_backlog: Backlog::new("batches of input not yet read"),
        }
    }

    pub(crate) fn outbox(&self) -> &Rc<Outbox> {
        &self.outbox
    }

    pub(crate) fn failure(&self) -> &Rc<Failure> {
        &self.failure
    }

    /// Returns the handlers that are not yet finished.
    pub(crate) fn waiting(&mut self) -> &mut JoinSet<()> {
        &mut self.handlers.waiting
    }

    /// Processes a batch of lines in order. A line that is not UTF-8 is skipped.
    pub(crate) fn receive(&mut self, batch: &[u8]) {
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

    /// Processes a line. A panic in the node's own `Deserialize` code skips the line.
    fn line(&mut self, line: &str) {
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        if let Err(panic) = guarded(|| self.read(line)) {
            self.log(&format!("skipped a line: parsing it panicked: {panic}"));
        }
    }

    fn read(&mut self, line: &str) {
        if let State::Running(node, cx) = &self.state
            && Rc::clone(node).handle_line(line, cx, &mut self.handlers)
        {
            return;
        }
        match serde_json::from_str(line) {
            Ok(message) => self.message(&message),
            Err(e) => self.log(&format!(
                "skipped a line that is not a message ({e}): {}",
                head(line)
            )),
        }
    }

    /// Processes a message that is not a valid request, or that arrives before `init`.
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
                State::Running(node, cx) => {
                    let request = RawRequest {
                        src: &message.src,
                        msg_id: header.msg_id,
                        kind: &header.kind,
                        body: message.body,
                    };
                    return Rc::clone(node).handle_body(&request, cx, &mut self.handlers);
                }
                State::New(_) => "the node waits for init".to_owned(),
                State::Failed(error) => format!("the node failed to start: {error}"),
            };
            self.refuse(message, header.msg_id, &Error::temporarily_unavailable(why));
        }
    }

    /// Refuses a body with a malformed header, if it has a `msg_id` to reply to.
    fn refuse_body(&mut self, message: &Envelope<'_, &RawValue>, why: &serde_json::Error) {
        match serde_json::from_str::<MsgId<'_>>(message.body.get()) {
            Ok(MsgId {
                msg_id: Some(msg_id),
            }) => {
                let error = Error::malformed_request(format!("malformed body: {why}"));
                self.refuse(message, Some(msg_id), &error);
            }
            _ => self.log(&format!("skipped a message with a malformed body: {why}")),
        }
    }

    fn init(&mut self, message: &Envelope<'_, &RawValue>, header: &Header<'_>) {
        let init = match serde_json::from_str::<Init>(message.body.get()) {
            Ok(init) => init,
            Err(e) => {
                let error = Error::malformed_request(format!("malformed init: {e}"));
                return self.refuse(message, header.msg_id, &error);
            }
        };
        let starting = State::Failed(Error::crash("the node is starting"));
        match std::mem::replace(&mut self.state, starting) {
            State::New(make) => {
                let cx = Context::new(
                    init,
                    Rc::clone(&self.outbox),
                    Rc::clone(&self.failure),
                    self.seams.clone(),
                );
                self.log(&format!("node {}, seed {}", cx.id(), self.seams.seed));
                let made = guarded(|| make(&cx)).unwrap_or_else(|panic| {
                    Err(Error::crash(format!(
                        "constructing the node panicked: {panic}"
                    )))
                });
                match made {
                    Ok(node) => self.begin(message, header, node, cx),
                    Err(error) => {
                        self.log(&format!("the node failed to start: {error}"));
                        cx.cancel();
                        self.refuse(message, header.msg_id, &error);
                        self.state = State::Failed(error);
                    }
                }
            }
            State::Running(node, cx) => {
                self.state = State::Running(node, cx);
                let error = Error::precondition_failed("the node is already initialized");
                self.refuse(message, header.msg_id, &error);
            }
            State::Failed(error) => {
                self.refuse(message, header.msg_id, &error);
                self.state = State::Failed(error);
            }
        }
    }

    fn begin(
        &mut self,
        message: &Envelope<'_, &RawValue>,
        header: &Header<'_>,
        node: Rc<dyn AnyNode>,
        cx: Context,
    ) {
        #[derive(Serialize)]
        #[serde(tag = "type", rename = "init_ok")]
        struct InitOk {}

        if let Some(msg_id) = header.msg_id {
            self.push(message, &InitOk {}, msg_id);
        }
        Rc::clone(&node).start_background(&cx);
        self.state = State::Running(node, cx);
    }

    /// Replies with an error, also before the node exists. Logs it if there is no `msg_id`.
    fn refuse(&self, message: &Envelope<'_, &RawValue>, msg_id: Option<&RawValue>, error: &Error) {
        match msg_id {
            Some(msg_id) => self.push(message, &ErrorReply::from(error), msg_id),
            None => self.log(&format!("skipped a message: {error}")),
        }
    }

    /// Sends one of the runtime's own replies. Before `init` the sender is the name in `dest`.
    fn push(&self, to: &Envelope<'_, &RawValue>, body: &impl Serialize, msg_id: &RawValue) {
        let field = Field::InReplyTo(msg_id.get());
        let id = match &self.state {
            State::Running(_, cx) => cx.id(),
            State::New(_) | State::Failed(_) => &to.dest,
        };
        let sent = self.outbox.push(id, &to.src, body, field);
        sent.expect("the runtime's own replies can be serialized");
    }

    pub(crate) fn watch_backlog(&self, batches: usize) {
        self.inbound_backlog.observe(batches, |text| self.log(text));
    }

    pub(crate) fn log(&self, text: &str) {
        (self.seams.log)(text);
    }
}

impl Drop for Server<'_> {
    /// Stops the node, even if clones of its context still exist.
    fn drop(&mut self) {
        if let State::Running(_, cx) = &self.state {
            self.outbox.close();
            cx.cancel();
        }
    }
}

/// Returns the first 200 characters of a line, for the log.
fn head(line: &str) -> Cow<'_, str> {
    match line.char_indices().nth(200) {
        Some((end, _)) => Cow::Owned(format!("{}…", &line[..end])),
        None => Cow::Borrowed(line),
    }
}
