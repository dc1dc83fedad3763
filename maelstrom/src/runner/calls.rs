//! Calls: a client's request to a node, until it is answered or given up.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use serde_json::Value as Json;

use super::{Run, WarningKind};
use crate::edn::{is_json_integer, json_text, parse_json};
use crate::host::Host;
use crate::net::{Body, EndpointId, Message, Role, body_text};

/// The longest time by which a run is planned ahead: longer than any run.
const FAR_FUTURE: Duration = Duration::from_secs(365 * 86_400);

/// A request that a client waits for.
struct Call {
    purpose: Purpose,
    node: usize,
    /// The `msg_id` that the answer must name.
    msg_id: u64,
    /// Host time at which the client gives up.
    deadline: Duration,
}

/// The calls of all clients, at most one of each at a time.
#[derive(Default)]
pub(super) struct Calls {
    by_client: BTreeMap<EndpointId, Call>,
    /// The same in the order in which they expire: with many clients, every event asks for the
    /// first.
    by_deadline: BTreeSet<(Duration, EndpointId)>,
    /// Per node that has yet to answer `init` the client that waits for it: every message of a node asks.
    initialising: BTreeMap<usize, EndpointId>,
    /// The calls that clients gave up, whose answers would be late.
    given_up: BTreeSet<(EndpointId, u64)>,
}

impl Calls {
    fn open(&mut self, client: EndpointId, call: Call) {
        self.by_deadline.insert((call.deadline, client));
        if let Purpose::Init(node) = call.purpose {
            self.initialising.insert(node, client);
        }
        let before = self.by_client.insert(client, call);
        assert!(before.is_none(), "a client waits for one answer at a time");
    }

    fn close(&mut self, client: EndpointId) -> Call {
        let call = self
            .by_client
            .remove(&client)
            .expect("only a pending call ends");
        self.by_deadline.remove(&(call.deadline, client));
        if let Purpose::Init(node) = call.purpose {
            self.initialising.remove(&node);
        }
        call
    }

    fn set_deadline(&mut self, client: EndpointId, deadline: Duration) {
        let call = self.by_client.get_mut(&client);
        let call = call.expect("only a pending call has a deadline");
        self.by_deadline.remove(&(call.deadline, client));
        call.deadline = deadline;
        self.by_deadline.insert((deadline, client));
    }

    /// The call that expires first.
    fn first(&self) -> Option<(Duration, EndpointId)> {
        self.by_deadline.first().copied()
    }

    /// The client that waits for this node's answer to `init`.
    pub(super) fn initialising(&self, node: usize) -> Option<EndpointId> {
        self.initialising.get(&node).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_client.is_empty()
    }
}

/// What a call is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Initialise this node.
    Init(usize),
    /// Set this node up for the workload; the answer must be of this type.
    SetUp(usize, Cow<'static, str>),
    /// Tell a node something; the answer does not matter.
    Notice,
    /// The operation of this thread.
    Operation(usize),
}

/// How a call ended.
pub(super) enum Answer {
    /// With this body, which is not an error.
    Reply(Json),
    /// With an error reply: code and text.
    Error(Json, String),
    /// Without an answer before the deadline.
    Timeout,
}

/// Returns the text of a request with this id.
pub(super) fn request_text(mut body: Json, msg_id: u64) -> Body {
    body["msg_id"] = msg_id.into();
    body_text(&body)
}

impl<H: Host> Run<'_, H> {
    /// Opens a client under the next free name.
    pub(super) fn open_client(&mut self) -> EndpointId {
        let name = format!("c{}", self.next_client);
        self.next_client += 1;
        self.net.register(&name, Role::Client)
    }

    /// Sends a request. Its answer comes to [`Run::end_call`].
    pub(super) fn call(
        &mut self,
        client: EndpointId,
        node: usize,
        body: Json,
        msg_id: u64,
        timeout: Duration,
        purpose: Purpose,
    ) {
        let body = request_text(body, msg_id);
        self.call_with(client, node, body, msg_id, timeout, purpose);
    }

    /// Sends a request of which the text is known. It names `msg_id`.
    pub(super) fn call_with(
        &mut self,
        client: EndpointId,
        node: usize,
        body: Body,
        msg_id: u64,
        timeout: Duration,
        purpose: Purpose,
    ) {
        let now = self.host.now();
        let operation = match purpose {
            Purpose::Operation(thread) => Some(self.workers[thread].invoked_at),
            _ => None,
        };
        let call = Call {
            purpose,
            node,
            msg_id,
            deadline: now + timeout,
        };
        self.calls.open(client, call);
        let dest = EndpointId::of_node(node);
        self.send_for(operation, client, dest, body);
        // Only now: what came in while the client was idle is seen while it waits.
        self.net.set_receiving(now, client, true);
    }

    /// Returns when the first call expires, in host time.
    pub(super) fn next_expiry(&self) -> Option<Duration> {
        self.calls.first().map(|(deadline, _)| deadline)
    }

    /// Ends a call that waited too long, if there is one.
    pub(super) fn expire_call(&mut self, now: Duration) -> Result<bool> {
        match self.calls.first() {
            Some((deadline, client)) if deadline <= now => {
                let msg_id = self.calls.by_client[&client].msg_id;
                self.calls.given_up.insert((client, msg_id));
                self.end_call(client, Answer::Timeout)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Hands a message to the client that it was sent to.
    pub(super) fn deliver_to_client(
        &mut self,
        client: EndpointId,
        message: &Message,
    ) -> Result<()> {
        let Some(call) = self.calls.by_client.get(&client) else {
            return Ok(());
        };
        let (node, msg_id) = (call.node, call.msg_id);
        let body = match parse_json(&message.body) {
            Ok(body) => body,
            Err(error) => {
                let text = format!("a reply that is not JSON ({error}): {}", message.body);
                self.warn_about(message.src, WarningKind::MalformedReply, &text);
                return Ok(());
            }
        };
        if let Some((kind, why)) = self.not_the_answer(client, msg_id, &body) {
            let text = format!("{why}: {}", message.body);
            self.warn_about(message.src, kind, &text);
            return Ok(());
        }
        if message.src != EndpointId::of_node(node) {
            let asked = &self.plan.settings.nodes[node];
            let text = format!("the answer to a request that was sent to {asked}");
            self.warn_about(message.src, WarningKind::ForeignReply, &text);
        }
        let answer = if body["type"] == "error" {
            self.error_answer(message, &body)
        } else {
            Answer::Reply(body)
        };
        self.end_call(client, answer)
    }

    /// Returns why a message is not the answer to the request `msg_id` of a client, if it is not.
    fn not_the_answer(
        &mut self,
        client: EndpointId,
        msg_id: u64,
        body: &Json,
    ) -> Option<(WarningKind, String)> {
        let given_up = &mut self.calls.given_up;
        match body.get("in_reply_to") {
            Some(id) if id.as_u64() == Some(msg_id) => None,
            Some(id) if id.as_u64().is_some_and(|id| id < msg_id) => {
                let is_late = given_up.remove(&(client, id.as_u64().unwrap_or_default()));
                Some(match is_late {
                    true => (
                        WarningKind::LateReply,
                        "an answer that came too late".into(),
                    ),
                    false => (WarningKind::DuplicateReply, "a second answer".into()),
                })
            }
            None | Some(Json::Null) => {
                let why = format!("a message without in_reply_to, expected the integer {msg_id}");
                Some((WarningKind::NoReply, why))
            }
            Some(id) => {
                let what = match id {
                    Json::String(_) => "the string ",
                    id if id.is_f64() => "the float ",
                    id if is_json_integer(id) => "the integer ",
                    _ => "",
                };
                let id = json_text(id);
                let why = format!("`in_reply_to` is {what}{id}, expected the integer {msg_id}, in");
                Some((WarningKind::NoReply, why))
            }
        }
    }

    /// Reads an error reply. Its code must be an integer; its text is for people only, so anything
    /// goes.
    fn error_answer(&mut self, message: &Message, body: &Json) -> Answer {
        let code = body.get("code").cloned().unwrap_or_default();
        let mut text = match body.get("text") {
            None | Some(Json::Null) => String::new(),
            Some(Json::String(text)) => text.clone(),
            Some(other) => json_text(other),
        };
        if !is_json_integer(&code) {
            let why = match body.get("code") {
                Some(code) => format!("code must be an integer, not {}", json_text(code)),
                None => "code must be an integer, and there is none".to_owned(),
            };
            let shown = format!("an error whose {why}: {}", message.body);
            self.warn_about(message.src, WarningKind::MalformedReply, &shown);
            text = format!("{why}: {text}");
        }
        Answer::Error(code, text)
    }

    /// Forgets the `init` of a node that is killed before it answers. It gets another one when it is
    /// started again.
    pub(super) fn abandon_init(&mut self, node: usize) {
        if let Some(client) = self.calls.initialising(node) {
            self.calls.close(client);
            self.net.unregister(client);
        }
    }

    /// Gives a node that is paused all the time to answer `init`.
    pub(super) fn suspend_init(&mut self, node: usize) {
        if let Some(client) = self.calls.initialising(node) {
            let deadline = self.host.now() + FAR_FUTURE;
            self.calls.set_deadline(client, deadline);
        }
    }

    /// Gives a node that is resumed this long to answer `init`.
    pub(super) fn resume_init(&mut self, node: usize, timeout: Duration) {
        if let Some(client) = self.calls.initialising(node) {
            let deadline = self.host.now() + timeout;
            self.calls.set_deadline(client, deadline);
        }
    }

    fn end_call(&mut self, client: EndpointId, answer: Answer) -> Result<()> {
        let call = self.calls.close(client);
        self.net.set_receiving(self.host.now(), client, false);
        match call.purpose {
            Purpose::Init(node) => {
                self.net.unregister(client);
                self.check_init(node, answer)?;
                if self.is_under_way {
                    self.set_up_again(node);
                }
                Ok(())
            }
            Purpose::Notice => {
                self.net.unregister(client);
                Ok(())
            }
            Purpose::SetUp(node, reply_type) => self.check_set_up(node, &reply_type, answer),
            Purpose::Operation(thread) => self.proceed(thread, answer),
        }
    }
}
