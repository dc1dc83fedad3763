//! What a run leaves behind.

use crate::history::{History, Kind};
use crate::net::{FaultCounts, Journal};

/// Everything that was seen in a run.
#[derive(Debug)]
pub struct Outcome {
    /// What the clients saw.
    pub history: History,
    /// What went over the network.
    pub journal: Journal,
    /// How often network faults struck.
    pub strikes: FaultCounts,
    /// How many times a node was killed.
    pub kills: usize,
    /// How many times a node was paused.
    pub pauses: usize,
    /// How many times a node did what the protocol forbids.
    pub protocol_violations: usize,
    /// Why the run came to no end; the history is incomplete then.
    pub failure: Option<anyhow::Error>,
}

impl Outcome {
    /// How many operations the clients began: what messages per operation are divided by.
    pub fn operations(&self) -> usize {
        self.history
            .clients()
            .filter(|op| op.kind == Kind::Invoke)
            .count()
    }
}
