//! Calls: a client's request to a node, and what becomes of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value as Json;

use super::Run;
use crate::host::Host;
use crate::net::{EndpointId, Message, Role};

/// A request that a client waits for.
struct Call {
    purpose: Purpose,
    /// The `msg_id` that the answer must name.
    msg_id: u64,
    /// Host time at which the client gives up.
    deadline: Duration,
}

/// The calls that clients wait for: one of a client at a time.
#[derive(Default)]
pub(super) struct Calls {
    by_client: BTreeMap<EndpointId, Call>,
    /// The same in the order in which they expire: with many clients, every event asks for the
    /// first.
    by_deadline: BTreeSet<(Duration, EndpointId)>,
}

impl Calls {
    fn open(&mut self, client: EndpointId, call: Call) {
        self.by_deadline.insert((call.deadline, client));
        let before = self.by_client.insert(client, call);
        assert!(before.is_none(), "a client waits for one answer at a time");
    }

    fn get(&self, client: EndpointId) -> Option<&Call> {
        self.by_client.get(&client)
    }

    fn close(&mut self, client: EndpointId) -> Call {
        let call = self
            .by_client
            .remove(&client)
            .expect("only a pending call ends");
        self.by_deadline.remove(&(call.deadline, client));
        call
    }

    /// The call that expires first.
    fn first(&self) -> Option<(Duration, EndpointId)> {
        self.by_deadline.first().copied()
    }

    /// The client that waits for this node's answer to `init`.
    fn initialising(&self, node: usize) -> Option<EndpointId> {
        let mut calls = self.by_client.iter();
        let init = calls.find(|(_, call)| call.purpose == Purpose::Init(node));
        init.map(|(client, _)| *client)
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
    Error(i64, String),
    /// With nothing, in time.
    Timeout,
}

impl<H: Host> Run<'_, H> {
    /// Opens a client under the next free name.
    pub(super) fn open_client(&mut self) -> EndpointId {
        let name = format!("c{}", self.next_client);
        self.next_client += 1;
        self.net.register(&name, Role::Client)
    }

    /// Sends a request and waits for its answer, without blocking: it comes to [`Run::answer`].
    pub(super) fn call(
        &mut self,
        client: EndpointId,
        node: usize,
        mut body: Json,
        msg_id: u64,
        timeout: Duration,
        purpose: Purpose,
    ) {
        let now = self.host.now();
        body["msg_id"] = msg_id.into();
        let dest = EndpointId(u32::try_from(node).expect("nodes are few"));
        let call = Call {
            purpose,
            msg_id,
            deadline: now + timeout,
        };
        self.calls.open(client, call);
        self.send(client, dest, body.to_string().into());
        // Only now: what came in while the client was idle is seen while it waits.
        self.net.set_receiving(now, client, true);
    }

    /// When the first call expires, in host time.
    pub(super) fn next_expiry(&self) -> Option<Duration> {
        self.calls.first().map(|(deadline, _)| deadline)
    }

    /// Ends a call that waited too long, if there is one.
    pub(super) fn expire_call(&mut self, now: Duration) -> Result<bool> {
        match self.calls.first() {
            Some((deadline, client)) if deadline <= now => {
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
        let Some(call) = self.calls.get(client) else {
            return Ok(());
        };
        let body: Json = match serde_json::from_str(&message.body) {
            Ok(body) => body,
            Err(error) => {
                self.complain(message.src, &format!("a reply that is not JSON: {error}"));
                return Ok(());
            }
        };
        // An answer to something else, or to nothing: not what this client waits for.
        let in_reply_to = body.get("in_reply_to");
        if in_reply_to.and_then(Json::as_u64) != Some(call.msg_id) {
            return Ok(());
        }
        let answer = if body["type"] == "error" {
            let text = body["text"].as_str().unwrap_or_default().to_owned();
            Answer::Error(body["code"].as_i64().unwrap_or(-1), text)
        } else {
            Answer::Reply(body)
        };
        self.end_call(client, answer)
    }

    /// Forgets the `init` of a node that dies before it answers: when it is back it gets another.
    pub(super) fn abandon_init(&mut self, node: usize) {
        if let Some(client) = self.calls.initialising(node) {
            self.calls.close(client);
            self.net.unregister(client);
        }
    }

    fn end_call(&mut self, client: EndpointId, answer: Answer) -> Result<()> {
        let call = self.calls.close(client);
        self.net.set_receiving(self.host.now(), client, false);
        match call.purpose {
            Purpose::Init(node) => {
                self.net.unregister(client);
                self.expect_answer(node, "init", "init_ok", answer)?;
                if self.is_under_way {
                    self.set_up_again(node);
                }
                Ok(())
            }
            Purpose::Notice => {
                self.net.unregister(client);
                Ok(())
            }
            Purpose::SetUp(node, reply_type) => {
                let request = reply_type.trim_end_matches("_ok");
                self.expect_answer(node, request, &reply_type, answer)
            }
            Purpose::Operation(thread) => self.proceed(thread, answer),
        }
    }

    /// An answer without which the run cannot go on.
    fn expect_answer(
        &self,
        node: usize,
        request: &str,
        reply_type: &str,
        answer: Answer,
    ) -> Result<()> {
        let name = &self.plan.settings.nodes[node];
        match answer {
            Answer::Reply(body) if body["type"] == reply_type => Ok(()),
            Answer::Reply(body) => bail!(
                "Node {name} answered {request} with {body}: expected a reply of type {reply_type}"
            ),
            Answer::Error(code, text) => {
                bail!("Node {name} refused {request} with error {code}: {text}")
            }
            Answer::Timeout => bail!(
                "Node {name} did not answer {request} in time: expected a line on its stdout with \
                 \"type\":\"{reply_type}\" and the request's msg_id as \"in_reply_to\""
            ),
        }
    }
}
