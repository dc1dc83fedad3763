//! The outcome of a run.

use super::Warning;
use crate::decisions::DecisionCounts;
use crate::history::{History, Kind};
use crate::net::{FaultCounts, Journal};

/// Everything that was observed in a run.
#[derive(Debug)]
pub struct Outcome {
    /// The operations of the clients.
    pub history: History,
    /// The messages on the network.
    pub journal: Journal,
    /// How many messages the faults of the network affected.
    pub fault_counts: FaultCounts,
    /// How many times a node was killed.
    pub kills: usize,
    /// How many times a node was paused.
    pub pauses: usize,
    /// How many decisions can be left out when the run is repeated.
    pub decisions: DecisionCounts,
    /// What the user should know whatever the verdict is, by kind and node.
    pub warnings: Vec<Warning>,
    /// Why the run broke off; the history is incomplete then.
    pub failure: Option<anyhow::Error>,
}

impl Outcome {
    /// Returns how many operations the clients began: what messages per operation are divided by.
    pub fn operations(&self) -> usize {
        self.history
            .clients()
            .filter(|op| op.kind == Kind::Invoke)
            .count()
    }

    /// Returns how many times a node did what the protocol forbids.
    pub fn protocol_violations(&self) -> usize {
        self.count(|warning| warning.kind.is_violation())
    }

    /// Returns how many times a node did what upstream does not forgive: it ignores everything that
    /// the node writes afterwards.
    pub fn fatal_upstream(&self) -> usize {
        self.count(|warning| warning.kind.is_fatal_upstream())
    }

    fn count(&self, matches: impl Fn(&&Warning) -> bool) -> usize {
        let counts = self.warnings.iter().filter(matches);
        counts.map(|warning| warning.count as usize).sum()
    }
}
