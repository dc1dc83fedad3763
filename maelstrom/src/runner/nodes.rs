//! The nodes' side of a run: starting them, taking their messages, and carrying out what the nemesis
//! wants.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::calls::{Purpose, request_text};
use super::{Run, WarningKind};
use crate::edn::{json_text, parse_json};
use crate::host::Host;
use crate::nemesis::Action;
use crate::net::{Body, EndpointId, Message, Role, SendError, body_text, parse_line};
use crate::workload::SetUp;

/// The longest time that a node may take to answer `init`.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// The number of warnings of one kind about one node that are shown when they happen.
const WARNINGS_SHOWN: u64 = 5;

/// The number of problems that explain why a node does not answer `init`.
const PROBLEMS_SHOWN: usize = 3;

/// The number of characters that are shown of a line.
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

    /// Opens a client for each node, and sends the workload's set-up requests.
    pub(super) fn set_up_clients(&mut self) -> Result<()> {
        let timeout = self.rules.timeout;
        let is_common = self.plan.workload.has_common_set_up();
        let mut last: Option<(Body, Cow<'static, str>)> = None;
        for node in 0..self.plan.settings.nodes.len() {
            let client = self.open_client();
            if last.is_none() || !is_common {
                last = self.set_up_text(node);
            }
            if let Some((request, reply_type)) = last.clone() {
                let purpose = Purpose::SetUp(node, reply_type);
                self.call_with(client, node, request, 1, timeout, purpose);
            }
        }
        self.await_calls()
    }

    /// Returns the text of a node's set-up request, with 1 as its id, and the type of the answer.
    fn set_up_text(&self, node: usize) -> Option<(Body, Cow<'static, str>)> {
        let name = &self.plan.settings.nodes[node];
        let set_up = self.plan.workload.set_up(&self.plan.settings, name)?;
        let SetUp {
            request,
            reply_type,
            ..
        } = set_up;
        Some((request_text(request, 1), reply_type))
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
        self.problems[node].clear();
        self.last_delivered[node] = None;
        let nodes = &self.plan.settings.nodes;
        // All nodes get the list of all nodes, which is long in a large cluster.
        let all = self
            .node_ids
            .get_or_insert_with(|| json_text(&json!(nodes)));
        let id = json!(nodes[node]);
        let body = format!(r#"{{"type":"init","node_id":{id},"node_ids":{all},"msg_id":1}}"#);
        let client = self.open_client();
        let purpose = Purpose::Init(node);
        self.call_with(client, node, body.into(), 1, INIT_TIMEOUT, purpose);
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

    /// Hands an arrived message to its receiver.
    pub(super) fn deliver(&mut self, receiver: EndpointId, message: Message) -> Result<()> {
        match self.net.role(receiver) {
            Role::Node => {
                self.deliver_to_node(receiver.index(), message);
                Ok(())
            }
            Role::Service => {
                self.serve(receiver, &message);
                Ok(())
            }
            Role::Client => self.deliver_to_client(receiver, &message),
        }
    }

    fn deliver_to_node(&mut self, node: usize, message: Message) {
        let mut line = Vec::with_capacity(message.body.len() + 96);
        let Message {
            id,
            src,
            dest,
            body,
        } = &message;
        let (src, dest) = (self.net.name(*src), self.net.name(*dest));
        let mut write = || -> io::Result<()> {
            write!(line, r#"{{"id":{id},"src":"#)?;
            // Names come from the command line: they may need escaping.
            serde_json::to_writer(&mut line, &**src)?;
            line.extend_from_slice(br#","dest":"#);
            serde_json::to_writer(&mut line, &**dest)?;
            line.extend_from_slice(br#","body":"#);
            line.extend_from_slice(body.as_bytes());
            line.push(b'}');
            Ok(())
        };
        write().expect("writing to memory cannot fail");
        self.host.deliver(node, line);
        self.last_delivered[node] = Some(message);
    }

    /// Lets a service answer a request.
    fn serve(&mut self, service: EndpointId, message: &Message) {
        let name = self.net.name(service).clone();
        let request = match parse_json(&message.body) {
            Ok(request) => request,
            Err(error) => {
                let text = format!(
                    "a message to {name} that is not JSON ({error}): {}",
                    excerpt(&message.body)
                );
                self.warn_about(message.src, WarningKind::BadServiceRequest, &text);
                return;
            }
        };
        let requester = self.net.name(message.src).clone();
        let handler = self
            .services
            .get_mut(&service)
            .expect("a service has a handler");
        match handler.handle(&requester, &request, &mut self.service_rng) {
            Some(mut reply) => {
                reply["in_reply_to"] = request["msg_id"].clone();
                self.send(service, message.src, body_text(&reply));
            }
            None => {
                let body = excerpt(&message.body);
                let text = format!("a request that {name} does not know: {body}");
                self.warn_about(message.src, WarningKind::BadServiceRequest, &text);
            }
        }
    }

    /// Takes a line that a node wrote, and sends it on its way if it is a message.
    pub(super) fn handle_line(&mut self, node: usize, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        let parsed = match parse_line(line) {
            Ok(parsed) => parsed,
            Err(problem) => {
                self.warn_about_line(node, WarningKind::MalformedLine, &problem, line);
                return;
            }
        };
        if !parsed.rest.is_empty() {
            let problem = "only the first message of a line counts: a missing line break, or \
                           threads that write at the same time?";
            self.warn_about_line(node, WarningKind::TextAfterMessage, problem, line);
        }
        if parsed.has_byte_order_mark {
            let problem = "it begins with a byte order mark";
            self.warn_about_line(node, WarningKind::MalformedLine, problem, line);
        }
        let (src, dest) = (
            self.net.resolve(&parsed.src),
            self.net.resolve(&parsed.dest),
        );
        let (kind, problem) = match (src, dest) {
            (Ok(src), Ok(dest)) => {
                self.note_before_init(node, dest, line);
                self.send(src, dest, parsed.body.into());
                return;
            }
            (Err(SendError::Unknown(name) | SendError::Gone(name)), _) => (
                WarningKind::UnknownSource,
                format!("\"src\" is {name:?}, which is no node of this test"),
            ),
            (_, Err(SendError::Unknown(name))) => (
                WarningKind::UnknownDestination,
                format!("\"dest\" is {name:?}, which does not exist in this test"),
            ),
            // Usual for an answer that comes too late, so it is only counted.
            (_, Err(SendError::Gone(name))) => {
                let text = format!(
                    "a message to {name}, which is gone: it has its answer, or gave up\n  {}",
                    excerpt(line)
                );
                let node = Some(node);
                self.warnings
                    .add(WarningKind::ReplyToGoneClient, node, &text);
                return;
            }
        };
        self.warn_about_line(node, kind, &problem, line);
    }

    /// Warns if a node sends a message elsewhere before it answers `init`.
    fn note_before_init(&mut self, node: usize, dest: EndpointId, line: &str) {
        if let Some(client) = self.calls.initialising(node)
            && dest != client
        {
            let text = format!(
                "a message to {}, while {} waits for the answer to init\n  {}",
                self.net.name(dest),
                self.net.name(client),
                excerpt(line)
            );
            let src = EndpointId::of_node(node);
            self.warn_about(src, WarningKind::MessageBeforeInit, &text);
        }
    }

    fn warn_about_line(&mut self, node: usize, kind: WarningKind, problem: &str, line: &str) {
        let text = format!("a bad line on stdout: {problem}\n  {}", excerpt(line));
        self.warn_about(EndpointId::of_node(node), kind, &text);
    }

    /// Warns about something that an endpoint wrote.
    pub(super) fn warn_about(&mut self, src: EndpointId, kind: WarningKind, text: &str) {
        let name = self.net.name(src).clone();
        let node = (self.net.role(src) == Role::Node).then(|| src.index());
        if let Some(problems) = node.and_then(|node| self.problems.get_mut(node))
            && problems.len() < PROBLEMS_SHOWN
        {
            problems.push(text.to_owned());
        }
        let count = self.warnings.add(kind, node, text);
        if count <= WARNINGS_SHOWN {
            let more = match count {
                WARNINGS_SHOWN => format!("\n  (more {} are counted, not shown)", kind.label()),
                _ => String::new(),
            };
            self.observer.warning(&format!("{name} wrote {text}{more}"));
        }
    }

    /// Does to a node what the nemesis wants.
    pub(super) fn take_action(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Kill(node) if !self.down[node] => {
                self.down[node] = true;
                self.kills += 1;
                self.abandon_init(node);
                self.net.take_down(EndpointId::of_node(node));
                self.host.kill(node)
            }
            Action::Restart(node) if self.down[node] => {
                self.down[node] = false;
                self.host.start(node)?;
                let now = self.host.now();
                self.net.bring_up(now, EndpointId::of_node(node));
                self.init(node);
                Ok(())
            }
            Action::Pause(node) if !self.down[node] => {
                self.pauses += 1;
                self.suspend_init(node);
                self.host.pause(node)
            }
            Action::Resume(node) if !self.down[node] => {
                self.resume_init(node, INIT_TIMEOUT);
                self.host.resume(node)
            }
            Action::Request(node, request) if !self.down[node] => {
                self.notify(node, request);
                Ok(())
            }
            Action::SetClock(node, offset_ms) => {
                self.host.set_clock_offset(node, offset_ms);
                Ok(())
            }
            // Two faults may affect the same node: it can be killed only once.
            _ => Ok(()),
        }
    }
}

/// Returns the start of a text, with its length if that is not all.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}
