//! What a run is given: what to do, and whom to tell.

use std::time::Duration;

use crate::generator::Invocation;
use crate::history::Operation;
use crate::nemesis::Nemesis;
use crate::net::{Latency, Recording};
use crate::seed::Seed;
use crate::workload::{AnyWorkload, Settings};

/// What a run is to do.
pub struct Plan {
    /// The workload.
    pub workload: AnyWorkload,
    /// What the workload is told.
    pub settings: Settings,
    /// An operation that every thread performs once in the final phase, in place of the workload's
    /// own final phase.
    pub final_operation: Option<Invocation>,
    /// How long the nemesis rests at the end of the main phase, all faults healed.
    pub fault_free_tail: Duration,
    /// How long messages take.
    pub latency: Latency,
    /// What goes wrong.
    pub nemesis: Nemesis,
    /// What everything is drawn from.
    pub seed: Seed,
    /// How much of the traffic is kept.
    pub recording: Recording,
    /// Tells the observer of every message that is sent.
    pub log_sent: bool,
    /// Tells the observer of every message that is received.
    pub log_received: bool,
}

/// Told what happens while a run goes on.
pub trait Observer {
    /// An operation began or ended.
    fn operation(&mut self, _operation: &Operation) {}

    /// A step of the run, such as `Running test`.
    fn milestone(&mut self, _text: &str) {}

    /// Something that the user should know: a node misbehaves.
    fn warning(&mut self, _text: &str) {}

    /// The main phase is so far along, of so much.
    fn progress(&mut self, _elapsed: Duration, _total: Duration) {}
}

/// An observer that takes no notice.
pub struct NoopObserver;

impl Observer for NoopObserver {}
