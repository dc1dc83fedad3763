//! What the clients of a simulated run do.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use super::secs;
use crate::generator::Invocation;
use crate::workload::{AnyWorkload, Topology, Workload};

/// What the clients of a simulated run do.
#[derive(Clone, Debug)]
pub struct Load {
    pub(super) workload: AnyWorkload,
    pub(super) rate: f64,
    pub(super) time_limit: Duration,
    pub(super) fault_free_tail: Duration,
    pub(super) concurrency: Option<usize>,
    /// The workload's options that differ from their defaults.
    pub(super) options: Vec<(String, String)>,
    pub(super) final_operation: Option<Invocation>,
}

impl Load {
    /// Creates a load of the workload's clients, one per node, at 10 operations per second for 10 seconds; everything
    /// else as upstream has it by default.
    pub fn of(workload: impl Workload + 'static) -> Load {
        Load::of_any(Arc::new(workload))
    }

    /// Creates the same load for a workload whose type is not known.
    pub fn of_any(workload: AnyWorkload) -> Load {
        Load {
            workload,
            rate: 10.0,
            time_limit: secs(10),
            fault_free_tail: Duration::ZERO,
            concurrency: None,
            options: Vec::new(),
            final_operation: None,
        }
    }

    /// Sets an option of the workload, such as `products`.
    ///
    /// # Panics
    ///
    /// If the workload has no such option, or the option does not take this value.
    pub fn option(mut self, name: &str, value: impl Display) -> Load {
        let value = value.to_string();
        let specs = self.workload.options();
        let spec = specs.iter().find(|spec| spec.name == name);
        let spec = spec.unwrap_or_else(|| panic!("{} has no option {name}", self.workload.name()));
        if let Err(problem) = spec.accept(&value) {
            panic!("option {name} {problem}, not {value}");
        }
        self.options.push((name.to_owned(), value));
        self
    }

    /// Sets the number of operations per second, over all clients.
    pub fn rate(self, rate: f64) -> Load {
        Load { rate, ..self }
    }

    /// Sets how long the main phase lasts.
    pub fn time_limit(self, time_limit: Duration) -> Load {
        Load { time_limit, ..self }
    }

    /// Sets how long the end of the main phase is free of faults. Everything must work again there.
    pub fn fault_free_tail(self, fault_free_tail: Duration) -> Load {
        Load {
            fault_free_tail,
            ..self
        }
    }

    /// Sets the number of client threads. Thread *i* sends to node *i* mod the number of nodes.
    pub fn concurrency(self, concurrency: usize) -> Load {
        Load {
            concurrency: Some(concurrency),
            ..self
        }
    }

    /// Sets the number of active keys at a time.
    pub fn key_count(self, key_count: usize) -> Load {
        self.option("key-count", key_count)
    }

    /// Sets the longest length of a transaction, in micro-operations.
    pub fn max_txn_length(self, max_txn_length: usize) -> Load {
        self.option("max-txn-length", max_txn_length)
    }

    /// Sets the most writes per key.
    pub fn max_writes_per_key(self, max_writes_per_key: u64) -> Load {
        self.option("max-writes-per-key", max_writes_per_key)
    }

    /// Sets the topology that broadcast proposes.
    pub fn topology(self, topology: Topology) -> Load {
        self.option("topology", topology)
    }

    /// Sets the operation of the final phase, in place of the workload's own: every client thread
    /// performs it once, after all faults are over and the cluster had time to recover.
    pub fn final_operation(self, invocation: Invocation) -> Load {
        Load {
            final_operation: Some(invocation),
            ..self
        }
    }

    /// Sets the consistency model that transactions must satisfy.
    pub fn consistency_model(self, model: &str) -> Load {
        self.option("consistency-models", model)
    }
}
