//! What the clients of a simulated run do.

use std::time::Duration;

use super::secs;
use crate::check::{self, Workload};
use crate::generator::Invocation;
use crate::workload::topology::Topology;

/// What the clients of a simulated run do.
#[derive(Clone, Debug)]
pub struct Load {
    pub(super) workload: Workload,
    pub(super) rate: f64,
    pub(super) time_limit: Duration,
    pub(super) fault_free_tail: Duration,
    pub(super) concurrency: Option<usize>,
    pub(super) key_count: usize,
    pub(super) max_txn_length: usize,
    pub(super) max_writes_per_key: u64,
    pub(super) topology: Topology,
    pub(super) finale: Option<Invocation>,
    pub(super) options: check::Options,
}

impl Load {
    /// The workload's clients, one per node, at 10 operations a second for 10 seconds; everything
    /// else as upstream has it by default.
    pub fn of(workload: Workload) -> Load {
        Load {
            workload,
            rate: 10.0,
            time_limit: secs(10),
            fault_free_tail: Duration::ZERO,
            concurrency: None,
            key_count: 10,
            max_txn_length: 4,
            max_writes_per_key: 16,
            topology: Topology::Grid,
            finale: None,
            options: check::Options::default(),
        }
    }

    /// Operations a second, over all clients.
    pub fn rate(self, rate: f64) -> Load {
        Load { rate, ..self }
    }

    /// How long the main phase lasts.
    pub fn time_limit(self, time_limit: Duration) -> Load {
        Load { time_limit, ..self }
    }

    /// At the end of the main phase, so long without faults: everything must work again there.
    pub fn fault_free_tail(self, fault_free_tail: Duration) -> Load {
        Load {
            fault_free_tail,
            ..self
        }
    }

    /// How many client threads there are; thread *i* talks to node *i* mod the number of nodes.
    pub fn concurrency(self, concurrency: usize) -> Load {
        Load {
            concurrency: Some(concurrency),
            ..self
        }
    }

    /// Active keys at a time.
    pub fn key_count(self, key_count: usize) -> Load {
        Load { key_count, ..self }
    }

    /// Micro-operations per transaction, at most.
    pub fn max_txn_length(self, max_txn_length: usize) -> Load {
        Load {
            max_txn_length,
            ..self
        }
    }

    /// Writes per key, at most.
    pub fn max_writes_per_key(self, max_writes_per_key: u64) -> Load {
        Load {
            max_writes_per_key,
            ..self
        }
    }

    /// The topology that broadcast proposes.
    pub fn topology(self, topology: Topology) -> Load {
        Load { topology, ..self }
    }

    /// At the very end, once faults are healed and the cluster had time to recover, every client
    /// thread performs this, instead of what the workload has for that phase.
    pub fn final_operation(self, invocation: Invocation) -> Load {
        Load {
            finale: Some(invocation),
            ..self
        }
    }

    /// The consistency model that transactions are held to.
    pub fn consistency_model(mut self, model: &str) -> Load {
        self.options.consistency_models = vec![model.to_owned()];
        self
    }
}
