//! Invariants that hold at every moment, and those that hold after the faults have ended.

use std::collections::BTreeMap;

use tokio::sync::oneshot::error::TryRecvError;

use super::faults::FaultRates;
use super::world::World;

/// Entries before the last ones that are compared again at each step.
const COMPARED: usize = 50;

/// Milliseconds without faults after which all brokers must agree.
const FAULT_FREE_PERIOD_MS: u64 = 10_000;

impl World {
    /// Asserts that all brokers commit the same entries in the same order, and that no offset is
    /// acknowledged for two messages.
    pub fn check(&mut self) {
        for (node, broker) in self.brokers.iter().enumerate() {
            let Some(broker) = broker else { continue };
            for (number, shard) in broker.shards.iter().enumerate() {
                let committed = &mut self.committed[number];
                let ours = shard.journal.entries(0..shard.journal.committed());
                let known = committed.len().min(ours.len());
                let begin = known.saturating_sub(COMPARED);
                assert_eq!(
                    ours[begin..known],
                    committed[begin..known],
                    "n{node} committed another journal of shard {number}"
                );
                committed.extend_from_slice(&ours[known..]);
            }
        }
        let acknowledged = &mut self.acknowledged;
        self.sends.retain_mut(|(key, msg, receiver)| {
            let outcome = receiver.try_recv();
            if let Ok(offset) = outcome {
                let log = acknowledged.entry(key.clone()).or_default();
                let other = log.insert(offset, *msg);
                assert_eq!(other, None, "offset {offset} was acknowledged twice");
            }
            outcome == Err(TryRecvError::Empty)
        });
    }

    /// Ends all faults, and asserts that every broker then has all committed entries.
    pub fn assert_converges(&mut self) {
        self.rates = FaultRates::default();
        self.cuts.clear();
        self.planned_kills.clear();
        self.restart_at.fill(self.now);
        for _ in 0..FAULT_FREE_PERIOD_MS {
            self.step(0.0);
        }
        for (node, broker) in self.brokers.iter().enumerate() {
            let broker = broker.as_ref().expect("all nodes run");
            for (number, shard) in broker.shards.iter().enumerate() {
                let (len, committed) = (shard.journal.len(), &self.committed[number]);
                assert_eq!(len, committed.len(), "n{node}, shard {number}: {shard:?}");
                assert_eq!(shard.journal.committed(), len, "n{node}, shard {number}");
                assert!(shard.requests.is_empty(), "n{node}, shard {number}");
                assert!(broker.wake_at() > self.now);
            }
            for (key, log) in &self.acknowledged {
                let from = BTreeMap::from([(key.as_str().into(), 0)]);
                let read = broker.poll(&from).remove(key.as_str()).unwrap_or_default();
                for (offset, msg) in log.range(..read.len() as u64) {
                    assert_eq!(read[*offset as usize], (*offset, (*msg).into()), "n{node}");
                }
            }
        }
        let unanswered = self.sends.len();
        assert_eq!(unanswered, 0, "sends of running nodes are not answered");
    }
}
