//! Which of a run's decisions are kept when it is repeated in part.

use std::collections::BTreeSet;

/// Which of several things, numbered from 0 in their order, are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// All.
    #[default]
    All,
    /// Those with these numbers.
    Only(BTreeSet<u64>),
}

impl Kept {
    /// Whether the thing with this number is kept.
    pub fn contains(&self, index: u64) -> bool {
        match self {
            Kept::All => true,
            Kept::Only(indices) => indices.contains(&index),
        }
    }
}

/// How many decisions a run made that can be left out when it is repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecisionCounts {
    /// Operations.
    pub operations: u64,
    /// Starts of faults.
    pub faults: u64,
    /// Messages that a fault of the network affected, counted once for each fault.
    pub messages: u64,
}
