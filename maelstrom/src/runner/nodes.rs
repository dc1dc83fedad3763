//! The nodes' side of a run: starting them, hearing them, and what the nemesis does to them.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::Run;
use super::calls::Purpose;
use crate::host::Host;
use crate::nemesis::Action;
use crate::net::{EndpointId, Message, Role, SendError, parse_line};
use crate::workload::SetUp;

/// How long a node may take to answer `init`.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// So many protocol_violations about a node are shown; the rest are counted.
const COMPLAINTS_SHOWN: usize = 5;

/// So much of an offending line is shown.
const EXCERPT_CHARS: usize = 200;

impl<H: Host> Run<'_, H> {
    /// Starts and initialises every node.
    pub(super) fn start_nodes(&mut self) -> Result<()> {
        for node in 0..self.plan.settings.nodes.len() {
            self.host.start(node)?;
            self.init(node);
        }
        self.await_calls()
    }

    /// Opens a client for each node, and lets it say what the workload has to say beforehand.
    pub(super) fn set_up_clients(&mut self) -> Result<()> {
        let timeout = self.rules.timeout;
        for node in 0..self.plan.settings.nodes.len() {
            let client = self.open_client();
            let name = &self.plan.settings.nodes[node];
            if let Some(set_up) = self.plan.workload.set_up(&self.plan.settings, name) {
                let SetUp {
                    request,
                    reply_type,
                    ..
                } = set_up;
                let purpose = Purpose::SetUp(node, reply_type);
                self.call(client, node, request, 1, timeout, purpose);
            }
        }
        self.await_calls()
    }

    fn await_calls(&mut self) -> Result<()> {
        loop {
            self.settle()?;
            if self.calls.is_empty() {
                return Ok(());
            }
            self.wait(None)?;
        }
    }

    /// Sends `init` to a node from a client made for it.
    fn init(&mut self, node: usize) {
        let nodes = &self.plan.settings.nodes;
        let body = json!({ "type": "init", "node_id": nodes[node], "node_ids": nodes });
        let client = self.open_client();
        self.call(client, node, body, 1, INIT_TIMEOUT, Purpose::Init(node));
    }

    /// Sends a node a request whose answer does not matter.
    pub(super) fn notify(&mut self, node: usize, request: Value) {
        let client = self.open_client();
        let timeout = self.rules.timeout;
        self.call(client, node, request, 1, timeout, Purpose::Notice);
    }

    /// Sets a node up again that has been started again, if the workload wants that.
    pub(super) fn set_up_again(&mut self, node: usize) {
        let name = &self.plan.settings.nodes[node];
        let set_up = self.plan.workload.set_up(&self.plan.settings, name);
        if let Some(set_up) = set_up.filter(|set_up| set_up.after_restart) {
            self.notify(node, set_up.request);
        }
    }

    /// Hands an arrived message to whoever it is for.
    pub(super) fn deliver(&mut self, receiver: EndpointId, message: Message) -> Result<()> {
        match self.net.role(receiver) {
            Role::Node => {
                let mut line = String::with_capacity(message.body.len() + 64);
                let Message {
                    id,
                    src,
                    dest,
                    body,
                } = &message;
                let (src, dest) = (self.net.name(*src), self.net.name(*dest));
                // Names come from the command line: they may need escaping.
                let (src, dest) = (json!(&**src), json!(&**dest));
                write!(
                    line,
                    r#"{{"id":{id},"src":{src},"dest":{dest},"body":{body}}}"#
                )
                .expect("writing to a string cannot fail");
                self.host.deliver(receiver.index(), &line);
                Ok(())
            }
            Role::Service => {
                self.serve(receiver, &message);
                Ok(())
            }
            Role::Client => self.deliver_to_client(receiver, &message),
        }
    }

    /// Lets a service answer a request.
    fn serve(&mut self, service: EndpointId, message: &Message) {
        let Ok(request) = serde_json::from_str::<serde_json::Value>(&message.body) else {
            let name = self.net.name(service).clone();
            self.complain(
                message.src,
                &format!("a message to {name} that is not JSON"),
            );
            return;
        };
        let requester = self.net.name(message.src).clone();
        let handler = self
            .services
            .get_mut(&service)
            .expect("a service has a handler");
        match handler.handle(&requester, &request, &mut self.service_rng) {
            Some(mut reply) => {
                reply["in_reply_to"] = request["msg_id"].clone();
                self.send(service, message.src, reply.to_string().into());
            }
            None => {
                let name = self.net.name(service).clone();
                let text = format!("a request that {name} does not know: {}", message.body);
                self.complain(message.src, &text);
            }
        }
    }

    /// Takes a line that a node wrote, and sends it on its way if it is a message.
    pub(super) fn handle_line(&mut self, node: usize, line: &str) {
        let speaker = EndpointId(u32::try_from(node).expect("nodes are few"));
        if line.trim().is_empty() {
            return;
        }
        let problem = match parse_line(line) {
            Err(problem) => problem,
            Ok(parsed) => match (
                self.net.resolve(&parsed.src),
                self.net.resolve(&parsed.dest),
            ) {
                (Ok(src), Ok(dest)) => {
                    self.send(src, dest, parsed.body());
                    return;
                }
                // An answer that comes too late is nothing to complain about.
                (Ok(_), Err(SendError::Gone(_))) => return,
                (Err(SendError::Unknown(name) | SendError::Gone(name)), _) => {
                    format!("\"src\" is {name}, which is no node of this test")
                }
                (_, Err(SendError::Unknown(name))) => {
                    format!("\"dest\" is {name}, which is nobody in this test")
                }
            },
        };
        let mut excerpt: String = line.chars().take(EXCERPT_CHARS).collect();
        if excerpt.len() < line.len() {
            write!(excerpt, "… ({} bytes)", line.len()).expect("writing to a string cannot fail");
        }
        self.complain(
            speaker,
            &format!("a bad line on stdout: {problem}\n  {excerpt}"),
        );
    }

    /// Tells the user that a node does what the protocol forbids.
    pub(super) fn complain(&mut self, node: EndpointId, text: &str) {
        let name = self.net.name(node).clone();
        let Some(count) = self.protocol_violations.get_mut(node.index()) else {
            self.observer.warning(&format!("{name} wrote {text}"));
            return;
        };
        *count += 1;
        match (*count).cmp(&COMPLAINTS_SHOWN) {
            std::cmp::Ordering::Less => {
                self.observer.warning(&format!("{name} wrote {text}"));
            }
            std::cmp::Ordering::Equal => self.observer.warning(&format!(
                "{name} wrote {text}\n  (further protocol_violations about {name} are counted, not shown)"
            )),
            std::cmp::Ordering::Greater => {}
        }
    }

    /// Does to a node what the nemesis wants.
    pub(super) fn take_action(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Kill(node) if !self.down[node] => {
                self.down[node] = true;
                self.kills += 1;
                self.abandon_init(node);
                self.host.kill(node)
            }
            Action::Restart(node) if self.down[node] => {
                self.down[node] = false;
                self.net.clear_inbox(EndpointId(node as u32));
                self.host.start(node)?;
                self.init(node);
                Ok(())
            }
            Action::Pause(node) if !self.down[node] => {
                self.pauses += 1;
                self.host.pause(node)
            }
            Action::Resume(node) if !self.down[node] => self.host.resume(node),
            Action::Request(node, request) if !self.down[node] => {
                self.notify(node, request);
                Ok(())
            }
            Action::SetClock(node, offset_ms) => {
                self.host.set_clock_offset(node, offset_ms);
                Ok(())
            }
            // Two faults may strike the same node: it can only die once.
            _ => Ok(()),
        }
    }
}
