//! What a run is given: the plan and its observer.

use std::time::Duration;

use crate::decisions::Kept;
use crate::generator::Invocation;
use crate::history::Operation;
use crate::nemesis::Nemesis;
use crate::net::{Latency, MessageLog, Recording};
use crate::seed::Seed;
use crate::service::ServiceOptions;
use crate::workload::{AnyWorkload, Settings};

/// What to do in a run.
pub struct Plan {
    /// The workload.
    pub workload: AnyWorkload,
    /// The workload's settings.
    pub settings: Settings,
    /// An operation that every thread performs once in the final phase, in place of the workload's
    /// own final phase.
    pub final_operation: Option<Invocation>,
    /// The operations that are performed, by their number; time passes as if the others were performed
    /// too.
    pub kept_operations: Kept,
    /// The part of the main phase, at its end, in which no fault is in force.
    pub fault_free_tail: Duration,
    /// How long messages take.
    pub latency: Latency,
    /// The faults.
    pub nemesis: Nemesis,
    /// How the services behave.
    pub services: ServiceOptions,
    /// The seed that everything is drawn from.
    pub seed: Seed,
    /// How much of the traffic is kept.
    pub recording: Recording,
    /// Where all messages are written while the run goes on, if anywhere.
    pub message_log: Option<MessageLog>,
    /// Whether the observer sees every message that is sent.
    pub log_sent: bool,
    /// Whether the observer sees every message that is received.
    pub log_received: bool,
}

impl Plan {
    /// Creates a plan without latency and faults, which keeps no messages:
    /// `Plan { latency, ..Plan::new(workload, settings, seed) }`.
    pub fn new(workload: AnyWorkload, settings: Settings, seed: Seed) -> Plan {
        Plan {
            workload,
            settings,
            final_operation: None,
            kept_operations: Kept::All,
            fault_free_tail: Duration::ZERO,
            latency: Latency::constant(Duration::ZERO),
            nemesis: Nemesis::default(),
            services: ServiceOptions::default(),
            seed,
            recording: Recording::First(0),
            message_log: None,
            log_sent: false,
            log_received: false,
        }
    }
}

/// Sees what happens while a run goes on. Every method does nothing by default.
pub trait Observer {
    /// An operation began or ended.
    fn operation(&mut self, _operation: &Operation) {}

    /// The run reached a step, such as `Running test`.
    fn milestone(&mut self, _text: &str) {}

    /// A node misbehaves, or something else that the user should know happened.
    fn warning(&mut self, _text: &str) {}

    /// The main phase has lasted `elapsed` of `total`.
    fn progress(&mut self, _elapsed: Duration, _total: Duration) {}
}

/// An observer that does nothing.
pub struct NoopObserver;

impl Observer for NoopObserver {}
