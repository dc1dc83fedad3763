//! The messages that were sent and received: counted always, kept only where something needs them.

use std::rc::Rc;
use std::time::Duration;

use super::message::{EndpointId, Message};
use super::message_log::{Fate, MessageLog};
use crate::edn::Value;

/// The group in which a message is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Traffic {
    /// From or to a client.
    Client,
    /// Anything else, services included.
    Server,
}

/// Whether a message was sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The network accepted the message.
    Send,
    /// The receiver was handed the message.
    Receive,
}

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Whether the message was sent or received.
    pub kind: EventKind,
    /// The time since the network started.
    pub time: Duration,
    /// The message.
    pub message: Message,
}

/// How much of the traffic is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// This many events, the first ones.
    First(usize),
    /// Every event, to compare two runs message for message.
    All,
}

/// The counts of one group of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Messages sent. No message is sent twice, so this is the number of messages too.
    pub sent: u64,
    /// Messages received.
    pub received: u64,
}

impl Counts {
    fn count(&mut self, kind: EventKind) {
        match kind {
            EventKind::Send => self.sent += 1,
            EventKind::Receive => self.received += 1,
        }
    }

    /// Returns the messages per operation, in upstream's 32-bit arithmetic; `None` without operations.
    pub fn per_op(&self, operations: usize) -> Option<f32> {
        (operations > 0).then(|| (self.sent as f64 / operations as f64) as f32)
    }

    fn to_edn(self, per_op: Option<f32>) -> Value {
        let mut entries = vec![
            ("send-count", Value::from(self.sent)),
            ("recv-count", Value::from(self.received)),
            ("msg-count", Value::from(self.sent)),
        ];
        entries.extend(per_op.map(|figure| ("msgs-per-op", Value::single(figure))));
        Value::map(entries)
    }
}

/// The record of a run's traffic.
#[derive(Debug)]
pub struct Journal {
    /// Messages from or to clients.
    pub clients: Counts,
    /// All others.
    pub servers: Counts,
    recording: Recording,
    events: Vec<Event>,
    /// The names of all endpoints, also of those that are gone.
    names: Vec<Rc<str>>,
    origin: Duration,
    /// Where every message is written, whatever is kept here.
    pub(super) log: Option<MessageLog>,
}

impl Journal {
    pub(super) fn new(recording: Recording) -> Journal {
        let (clients, servers) = (Counts::default(), Counts::default());
        Journal {
            clients,
            servers,
            recording,
            events: Vec::new(),
            names: Vec::new(),
            origin: Duration::ZERO,
            log: None,
        }
    }

    /// Notes the name of the next endpoint.
    pub(super) fn introduce(&mut self, name: Rc<str>) {
        if let Some(log) = &mut self.log {
            log.introduce(&name);
        }
        self.names.push(name);
    }

    /// Notes when the history began.
    pub(super) fn set_origin(&mut self, origin: Duration) {
        self.origin = origin;
    }

    pub(super) fn record(
        &mut self,
        kind: EventKind,
        time: Duration,
        message: &Message,
        traffic: Traffic,
    ) {
        match traffic {
            Traffic::Client => self.clients.count(kind),
            Traffic::Server => self.servers.count(kind),
        }
        if kind == EventKind::Receive {
            self.log_fate(time, message.id, Fate::Received);
        }
        let keep = match self.recording {
            Recording::First(count) => self.events.len() < count,
            Recording::All => true,
        };
        if keep {
            self.events.push(Event {
                kind,
                time,
                message: message.clone(),
            });
        }
    }

    /// Writes to the log, if there is one, what became of a message.
    pub(super) fn log_fate(&mut self, at: Duration, id: u64, fate: Fate) {
        if let Some(log) = &mut self.log {
            log.ended(at, id, fate);
        }
    }

    /// Completes the log of messages, if there is one. Returns why it is incomplete, if it is.
    pub fn close_log(&mut self) -> Option<std::io::Error> {
        let log = self.log.take()?;
        log.close().err()
    }

    /// Returns the events that were kept, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Returns the name of an endpoint.
    pub fn name(&self, endpoint: EndpointId) -> &str {
        &self.names[endpoint.index()]
    }

    /// Returns the time at which the history began, on the clock of the events.
    pub fn origin(&self) -> Duration {
        self.origin
    }

    /// Returns the counts of all messages.
    pub fn all(&self) -> Counts {
        Counts {
            sent: self.clients.sent + self.servers.sent,
            received: self.clients.received + self.servers.received,
        }
    }

    /// Returns the results under `:net`, for a run of this many operations.
    pub fn to_edn(&self, operations: usize) -> Value {
        Value::map([
            ("all", self.all().to_edn(self.all().per_op(operations))),
            ("clients", self.clients.to_edn(None)),
            (
                "servers",
                self.servers.to_edn(self.servers.per_op(operations)),
            ),
            ("valid?", Value::Bool(true)),
        ])
    }
}
