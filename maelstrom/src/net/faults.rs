//! What goes wrong on the network.
//!
//! Partitions are directed: a receiver does not hear a sender. Several cuts may be in force at
//! once; each is healed by itself. Loss, duplication, delay and reordering strike messages between
//! nodes only: clients and services are never cut off, as upstream.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;

use super::message::EndpointId;
use crate::seed::ChaCha8Rng;

/// Names a cut, to heal it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CutId(u64);

/// How often faults struck: a test without strikes proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Messages that a cut swallowed.
    pub dropped: u64,
    /// Messages lost at random.
    pub lost: u64,
    /// Messages delivered twice.
    pub duplicated: u64,
    /// Messages held back.
    pub delayed: u64,
}

/// The faults in force.
#[derive(Debug, Default)]
pub struct Faults {
    /// For each cut, for each receiver: the senders it does not hear.
    cuts: BTreeMap<CutId, BTreeMap<EndpointId, BTreeSet<EndpointId>>>,
    next_cut: u64,
    /// The probability that a message is lost.
    pub loss: f64,
    /// The probability that a message arrives a second time.
    pub duplication: f64,
    /// The probability that a message is held back by up to `delay_max`, so that later ones
    /// overtake it.
    pub delay: f64,
    /// See `delay`.
    pub delay_max: Duration,
    /// Latencies are this many times longer (0 stands for 1: no spike).
    pub latency_factor: u32,
    strikes: FaultCounts,
}

impl Faults {
    /// Cuts: each receiver stops hearing its senders, until [`heal`](Faults::heal).
    pub fn cut(&mut self, blocked: BTreeMap<EndpointId, BTreeSet<EndpointId>>) -> CutId {
        let id = CutId(self.next_cut);
        self.next_cut += 1;
        self.cuts.insert(id, blocked);
        id
    }

    /// Heals one cut.
    pub fn heal(&mut self, cut: CutId) {
        self.cuts.remove(&cut);
    }

    /// Heals everything.
    pub fn heal_all(&mut self) {
        let (next_cut, strikes) = (self.next_cut, self.strikes);
        *self = Faults {
            next_cut,
            strikes,
            ..Faults::default()
        };
    }

    /// How often faults struck so far.
    pub fn strikes(&self) -> FaultCounts {
        self.strikes
    }

    /// Whether a cut keeps `receiver` from hearing `sender`; counts it as a strike if so.
    pub(super) fn swallows(&mut self, sender: EndpointId, receiver: EndpointId) -> bool {
        let deaf = |blocked: &BTreeMap<EndpointId, BTreeSet<EndpointId>>| {
            blocked
                .get(&receiver)
                .is_some_and(|senders| senders.contains(&sender))
        };
        let swallowed = self.cuts.values().any(deaf);
        self.strikes.dropped += u64::from(swallowed);
        swallowed
    }

    /// Whether any fault is in force that draws lots for each message.
    pub(super) fn meddles(&self) -> bool {
        self.loss > 0.0 || self.duplication > 0.0 || self.delay > 0.0 || self.latency_factor > 1
    }

    /// The latencies of the copies of one message that will arrive.
    pub(super) fn fates(&mut self, latency: Duration, rng: &mut ChaCha8Rng) -> Vec<Duration> {
        if rng.random_bool(self.loss) {
            self.strikes.lost += 1;
            return Vec::new();
        }
        let mut latency = latency;
        if self.latency_factor > 1 {
            self.strikes.delayed += 1;
            latency *= self.latency_factor;
        }
        if rng.random_bool(self.delay) {
            self.strikes.delayed += 1;
            latency += self.delay_max.mul_f64(rng.random());
        }
        let mut fates = vec![latency];
        if rng.random_bool(self.duplication) {
            self.strikes.duplicated += 1;
            fates.push(latency + Duration::from_millis(rng.random_range(0..50)));
        }
        fates
    }
}

/// A cut that heals when it is dropped.
#[must_use = "the cut heals when this is dropped"]
pub struct Cut {
    id: CutId,
    faults: Rc<RefCell<Faults>>,
}

impl Cut {
    /// Cuts, for as long as the result lives.
    pub fn new(
        faults: Rc<RefCell<Faults>>,
        blocked: BTreeMap<EndpointId, BTreeSet<EndpointId>>,
    ) -> Cut {
        let id = faults.borrow_mut().cut(blocked);
        Cut { id, faults }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.faults.borrow_mut().heal(self.id);
    }
}
