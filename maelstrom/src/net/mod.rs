//! The simulated network: who may talk to whom, how long a message takes, and what is lost.
//!
//! It is a pure state machine: `Net::send_for` puts a message in, `Net::next_delivery` takes out what
//! has arrived by now, and `Net::next_wake` says when to look again. The clock is the caller's,
//! so the same network drives real processes and simulated nodes.
//!
//! Each endpoint receives through a single pump, as upstream: the pump takes the message with the
//! earliest deadline, decides whether a partition drops it, sleeps until it is due, and delivers
//! it. While it sleeps nothing else reaches the endpoint, not even a client's request, although
//! client links have no latency. Figures depend on that, so it is reproduced.

mod faults;
mod journal;
mod latency;
mod message;
pub(crate) mod message_log;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

pub use faults::{Blocked, Cut, FaultCounts, FaultId, Faults, LinkFault};
pub use journal::{Counts, Event, EventKind, Journal, Recording, Traffic};
pub use latency::{Distribution, Latency};
pub use message::{Body, EndpointId, Message};
pub(crate) use message::{body_text, parse_line};
pub(crate) use message_log::{Fate, MessageLog};

use crate::seed::{ChaCha8Rng, Seed};

/// What an endpoint is, which decides latency, faults and statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A node under test.
    Node,
    /// One of the services.
    Service,
    /// A client.
    Client,
}

/// Why a message could not be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    /// No endpoint of this name was ever registered.
    Unknown(String),
    /// The endpoint was a client that is gone.
    Gone(String),
}

struct Endpoint {
    name: Rc<str>,
    role: Role,
    /// By upstream's rule: the name starts with `c`, whatever the role.
    counts_as_client: bool,
    inbox: BinaryHeap<Envelope>,
    pump: Pump,
}

enum Pump {
    /// Takes the next message as soon as there is one.
    Ready,
    /// Holds a message until it is due.
    Sleeping(Duration, Envelope),
    /// Takes nothing, and what arrives waits: a client without a pending call.
    Stopped,
    /// Takes nothing, and what arrives is lost: a node that is down.
    Down,
    /// Unregistered.
    Gone,
}

/// A queued message. Earliest deadline first; then in the order of sending.
struct Envelope {
    deadline: Duration,
    sequence: u64,
    message: Message,
}

impl PartialEq for Envelope {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Envelope {}

impl PartialOrd for Envelope {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Envelope {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Reversed, since the heap gives its greatest element first.
        (other.deadline, other.sequence).cmp(&(self.deadline, self.sequence))
    }
}

#[expect(
    clippy::disallowed_types,
    reason = "it is never iterated, and among thousands of nodes a lookup visits fewer names than one in an ordered map"
)]
type ByName = std::collections::HashMap<Rc<str>, EndpointId>;

/// The network of one run.
pub(crate) struct Net {
    endpoints: Vec<Endpoint>,
    by_name: ByName,
    latency: Latency,
    latency_rng: ChaCha8Rng,
    fault_rng: ChaCha8Rng,
    faults: Rc<RefCell<Faults>>,
    journal: Journal,
    next_id: u64,
    next_sequence: u64,
    wakes: BinaryHeap<Reverse<(Duration, EndpointId)>>,
    arrived: VecDeque<(EndpointId, Message)>,
}

impl Net {
    /// Creates a network without endpoints.
    pub fn new(latency: Latency, seed: Seed, recording: Recording) -> Net {
        Net {
            endpoints: Vec::new(),
            by_name: ByName::default(),
            latency,
            latency_rng: seed.stream("latency"),
            fault_rng: seed.stream("network faults"),
            faults: Rc::default(),
            journal: Journal::new(recording),
            next_id: 0,
            next_sequence: 0,
            wakes: BinaryHeap::new(),
            arrived: VecDeque::new(),
        }
    }

    /// Adds an endpoint. Nodes and services receive from now on, clients only while they wait.
    pub fn register(&mut self, name: &str, role: Role) -> EndpointId {
        let id = EndpointId(u32::try_from(self.endpoints.len()).expect("endpoints fit in 32 bits"));
        let name: Rc<str> = name.into();
        let pump = if role == Role::Client {
            Pump::Stopped
        } else {
            Pump::Ready
        };
        self.by_name.insert(name.clone(), id);
        self.journal.introduce(name.clone());
        let counts_as_client = name.starts_with('c');
        self.endpoints.push(Endpoint {
            name,
            role,
            counts_as_client,
            inbox: BinaryHeap::new(),
            pump,
        });
        id
    }

    /// Removes an endpoint; nothing can be sent to it or by it any more.
    pub fn unregister(&mut self, id: EndpointId) {
        let endpoint = &mut self.endpoints[id.index()];
        endpoint.pump = Pump::Gone;
        endpoint.inbox = BinaryHeap::new();
    }

    /// Returns the endpoint called `name`.
    ///
    /// # Errors
    ///
    /// There is none, or it is gone.
    pub fn resolve(&self, name: &str) -> Result<EndpointId, SendError> {
        match self.by_name.get(name) {
            Some(id) if !matches!(self.endpoints[id.index()].pump, Pump::Gone) => Ok(*id),
            Some(_) => Err(SendError::Gone(name.to_owned())),
            None => Err(SendError::Unknown(name.to_owned())),
        }
    }

    /// Returns an endpoint's name.
    pub fn name(&self, id: EndpointId) -> &Rc<str> {
        &self.endpoints[id.index()].name
    }

    /// Returns an endpoint's role.
    pub fn role(&self, id: EndpointId) -> Role {
        self.endpoints[id.index()].role
    }

    /// Returns the faults in force; shared, so that a nemesis can change them during a run.
    pub fn faults(&self) -> Rc<RefCell<Faults>> {
        self.faults.clone()
    }

    /// Returns what was sent and received in a run whose history began at `origin`.
    pub fn into_journal(mut self, origin: Duration) -> Journal {
        self.journal.set_origin(origin);
        self.journal
    }

    /// Writes all messages to a log from now on. Must precede the registration of endpoints.
    pub fn keep_messages(&mut self, log: MessageLog) {
        assert!(self.endpoints.is_empty(), "a log knows all endpoints");
        self.journal.log = Some(log);
    }

    /// Notes in the log of messages that the history begins at `origin`.
    pub fn begin_history(&mut self, origin: Duration) {
        if let Some(log) = &mut self.journal.log {
            log.origin(origin);
        }
    }

    /// Sends a message at time `now`, for the operation of this index in the history if it is for one.
    /// The message may be lost on the way.
    pub fn send_for(
        &mut self,
        operation: Option<usize>,
        now: Duration,
        src: EndpointId,
        dest: EndpointId,
        body: Body,
    ) {
        let message = Message {
            id: self.next_id,
            src,
            dest,
            body,
        };
        self.next_id += 1;
        let traffic = self.traffic(&message);
        self.journal.record(EventKind::Send, now, &message, traffic);
        if let Some(log) = &mut self.journal.log {
            log.sent(now, &message, operation);
        }
        let latency = match traffic {
            Traffic::Client => Duration::ZERO,
            Traffic::Server => self.latency.draw(&mut self.latency_rng),
        };
        let between_nodes = self.role(src) == Role::Node && self.role(dest) == Role::Node;
        if !between_nodes || !self.faults.borrow().has_link_faults() {
            self.enqueue(now, now + latency, message);
            return;
        }
        let mut faults = self.faults.borrow_mut();
        let delays = faults.delivery_delays(latency, &mut self.fault_rng);
        drop(faults);
        match delays.len() {
            0 => self.journal.log_fate(now, message.id, Fate::Lost),
            1 => {}
            _ => self.journal.log_fate(now, message.id, Fate::Duplicated),
        }
        for delay in delays {
            self.enqueue(now, now + delay, message.clone());
        }
    }

    /// Starts or stops the receiving of an endpoint. What arrives meanwhile waits.
    pub fn set_receiving(&mut self, now: Duration, id: EndpointId, receiving: bool) {
        let pump = &mut self.endpoints[id.index()].pump;
        match (&pump, receiving) {
            (Pump::Ready, false) => *pump = Pump::Stopped,
            (Pump::Stopped, true) => {
                *pump = Pump::Ready;
                self.pull(now, id);
            }
            _ => {}
        }
    }

    /// Takes a node down, which was killed. Until it is up again, what arrives is lost.
    pub fn take_down(&mut self, id: EndpointId) {
        let endpoint = &mut self.endpoints[id.index()];
        if let Pump::Sleeping(_, envelope) = std::mem::replace(&mut endpoint.pump, Pump::Down) {
            endpoint.inbox.push(envelope);
        }
    }

    /// Brings a node up again: what was sent before and arrives from now on reaches its new process,
    /// as over a real network. The next message that is sent to it, its `init`, starts the pump, so
    /// that nothing arrives before.
    pub fn bring_up(&mut self, now: Duration, id: EndpointId) {
        let endpoint = &mut self.endpoints[id.index()];
        let (on_the_way, lost): (Vec<Envelope>, Vec<Envelope>) =
            std::mem::take(&mut endpoint.inbox)
                .into_iter()
                .partition(|envelope| envelope.deadline > now);
        endpoint.inbox = on_the_way.into();
        endpoint.pump = Pump::Ready;
        for envelope in lost {
            let id = envelope.message.id;
            self.journal.log_fate(now, id, Fate::ReceiverDown);
        }
    }

    /// Returns when something will arrive next, if nothing else is sent.
    pub fn next_wake(&self) -> Option<Duration> {
        // What has arrived already is to be taken at once.
        let arrived = (!self.arrived.is_empty()).then_some(Duration::ZERO);
        arrived.or_else(|| self.wakes.peek().map(|Reverse((at, _))| *at))
    }

    /// Returns the next message that has arrived by `now`, with its receiver.
    pub fn next_delivery(&mut self, now: Duration) -> Option<(EndpointId, Message)> {
        while self.arrived.is_empty() {
            let Reverse((at, id)) = *self.wakes.peek()?;
            if at > now {
                return None;
            }
            self.wakes.pop();
            let pump = &mut self.endpoints[id.index()].pump;
            match pump {
                // A wake-up may be stale: its node was killed meanwhile.
                Pump::Sleeping(until, _) if *until == at => {}
                _ => continue,
            }
            if let Pump::Sleeping(_, envelope) = std::mem::replace(pump, Pump::Ready) {
                self.arrive(at, id, envelope.message);
            }
            self.pull(at.max(now), id);
        }
        self.arrived.pop_front()
    }

    /// Returns how a message is counted. Client traffic has no latency.
    fn traffic(&self, message: &Message) -> Traffic {
        let client = |id: EndpointId| self.endpoints[id.index()].counts_as_client;
        if client(message.src) || client(message.dest) {
            Traffic::Client
        } else {
            Traffic::Server
        }
    }

    fn enqueue(&mut self, now: Duration, deadline: Duration, message: Message) {
        let dest = message.dest;
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.endpoints[dest.index()].inbox.push(Envelope {
            deadline,
            sequence,
            message,
        });
        self.pull(now, dest);
    }

    /// Lets a ready pump take messages until it sleeps on one or the inbox is empty.
    fn pull(&mut self, now: Duration, id: EndpointId) {
        loop {
            let endpoint = &mut self.endpoints[id.index()];
            if !matches!(endpoint.pump, Pump::Ready) {
                return;
            }
            let Some(envelope) = endpoint.inbox.pop() else {
                return;
            };
            // Decided when the pump takes the message, before it waits for it to be due.
            let src = envelope.message.src;
            if self.faults.borrow_mut().is_partitioned(src, id) {
                let id = envelope.message.id;
                self.journal.log_fate(now, id, Fate::Partitioned);
                continue;
            }
            // Whole milliseconds, rounded down: a message may arrive a little early.
            let wait = envelope.deadline.saturating_sub(now).as_millis() as u64;
            if wait == 0 {
                self.arrive(now, id, envelope.message);
            } else {
                let until = now + Duration::from_millis(wait);
                self.wakes.push(Reverse((until, id)));
                endpoint.pump = Pump::Sleeping(until, envelope);
            }
        }
    }

    fn arrive(&mut self, now: Duration, id: EndpointId, message: Message) {
        let traffic = self.traffic(&message);
        self.journal
            .record(EventKind::Receive, now, &message, traffic);
        self.arrived.push_back((id, message));
    }
}
