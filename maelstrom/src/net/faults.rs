//! What goes wrong on the network.
//!
//! Faults are added and removed by id, so any number of them may be in force at once, also of one
//! kind: the end of one leaves the others as they are. Partitions are directed: a receiver does not
//! hear a sender. Loss, duplication and delays affect messages between nodes only; clients and
//! services are never cut off, as upstream.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;

use super::message::EndpointId;
use crate::decisions::Kept;
use crate::seed::ChaCha8Rng;

/// A copy of a message arrives at most this much later than the message, in milliseconds.
const MAX_COPY_DELAY_MS: u64 = 50;

/// Identifies a fault in force, to remove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultId(u64);

/// For each receiver the senders that it does not hear.
pub type Blocked = BTreeMap<EndpointId, BTreeSet<EndpointId>>;

/// A fault of all links between nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum LinkFault {
    /// Each message is lost with this probability.
    Loss(f64),
    /// Each message arrives a second time with this probability, up to 50 ms later.
    Duplication(f64),
    /// Each message is held back with this probability, so that later ones overtake it.
    Delay {
        /// The probability.
        probability: f64,
        /// The longest time that a message is held back.
        max: Duration,
    },
    /// Latencies are this many times longer.
    LatencyFactor(u32),
}

/// How many messages each kind of fault affected: a test without any proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultCounts {
    /// Messages dropped by a partition.
    pub dropped: u64,
    /// Messages lost at random.
    pub lost: u64,
    /// Messages delivered twice.
    pub duplicated: u64,
    /// Messages held back, or slowed down.
    pub delayed: u64,
}

/// The faults in force.
#[derive(Debug, Default)]
pub struct Faults {
    cuts: BTreeMap<FaultId, Blocked>,
    links: BTreeMap<FaultId, LinkFault>,
    next_id: u64,
    counts: FaultCounts,
    kept: Kept,
    affected_count: u64,
}

impl Faults {
    /// Cuts links: each receiver stops hearing its senders, until the fault is removed.
    pub fn cut(&mut self, blocked: Blocked) -> FaultId {
        let id = self.next_id();
        self.cuts.insert(id, blocked);
        id
    }

    /// Adds a fault of all links between nodes, until it is removed.
    pub fn add(&mut self, fault: LinkFault) -> FaultId {
        let id = self.next_id();
        self.links.insert(id, fault);
        id
    }

    /// Removes one fault; does nothing if it is not in force.
    pub fn remove(&mut self, id: FaultId) {
        self.cuts.remove(&id);
        self.links.remove(&id);
    }

    /// Removes every fault.
    pub fn remove_all(&mut self) {
        self.cuts.clear();
        self.links.clear();
    }

    /// Returns how many messages were affected so far.
    pub fn counts(&self) -> FaultCounts {
        self.counts
    }

    /// Spares the messages that are not kept, by their number among those that a fault affects.
    pub fn keep(&mut self, kept: Kept) {
        self.kept = kept;
    }

    /// Returns how many times a fault affected a message, those that were spared included.
    pub fn affected_count(&self) -> u64 {
        self.affected_count
    }

    /// Counts a message that a fault affects, and returns whether it is spared.
    fn spares_next(&mut self) -> bool {
        let index = self.affected_count;
        self.affected_count += 1;
        !self.kept.contains(index)
    }

    fn next_id(&mut self) -> FaultId {
        self.next_id += 1;
        FaultId(self.next_id)
    }

    /// Whether `receiver` does not hear `sender`; counts the message as dropped if so.
    pub(super) fn is_partitioned(&mut self, sender: EndpointId, receiver: EndpointId) -> bool {
        let is_blocked = self.cuts.values().any(|blocked| {
            blocked
                .get(&receiver)
                .is_some_and(|senders| senders.contains(&sender))
        });
        let is_dropped = is_blocked && !self.spares_next();
        self.counts.dropped += u64::from(is_dropped);
        is_dropped
    }

    /// Whether any fault of links is in force.
    pub(super) fn has_link_faults(&self) -> bool {
        !self.links.is_empty()
    }

    /// Draws the delays after which the copies of one message arrive; none if it is lost.
    pub(super) fn delivery_delays(
        &mut self,
        latency: Duration,
        rng: &mut ChaCha8Rng,
    ) -> Vec<Duration> {
        let mut delays = vec![latency];
        let faults: Vec<LinkFault> = self.links.values().copied().collect();
        for fault in faults {
            match fault {
                LinkFault::Loss(probability) => {
                    if rng.random_bool(probability) && !self.spares_next() {
                        self.counts.lost += 1;
                        return Vec::new();
                    }
                }
                LinkFault::Duplication(probability) => {
                    if rng.random_bool(probability) {
                        let later = Duration::from_millis(rng.random_range(0..MAX_COPY_DELAY_MS));
                        if self.spares_next() {
                            continue;
                        }
                        self.counts.duplicated += 1;
                        delays.push(delays[0] + later);
                    }
                }
                LinkFault::Delay { probability, max } => {
                    if rng.random_bool(probability) {
                        let held = max.mul_f64(rng.random());
                        if self.spares_next() {
                            continue;
                        }
                        self.counts.delayed += 1;
                        delays.iter_mut().for_each(|delay| *delay += held);
                    }
                }
                LinkFault::LatencyFactor(factor) => {
                    self.counts.delayed += 1;
                    delays.iter_mut().for_each(|delay| *delay *= factor);
                }
            }
        }
        delays
    }
}

/// A cut that is removed when this is dropped.
#[must_use = "the cut ends when this is dropped"]
pub struct Cut {
    id: FaultId,
    faults: Rc<RefCell<Faults>>,
}

impl Cut {
    /// Cuts links for as long as the result lives.
    pub fn new(faults: Rc<RefCell<Faults>>, blocked: Blocked) -> Cut {
        let id = faults.borrow_mut().cut(blocked);
        Cut { id, faults }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.faults.borrow_mut().remove(self.id);
    }
}
