//! A run, from the first `init` to the last operation.
//!
//! ```text
//! generator → client → net → host → node
//!      nemesis ↗         ↘ journal, history
//! ```
//!
//! Everything happens on one thread, in one loop: deliver what has arrived, end calls that waited
//! too long, let the nemesis and the generator act, and wait on the host until something happens.
//! Whether time is real or virtual is up to the host alone.

mod calls;
mod diagnosis;
mod nodes;
mod outcome;
mod phases;
mod plan;
mod warnings;

#[cfg(test)]
mod tests;
mod workers;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;

use crate::decisions::DecisionCounts;
use crate::edn::Value;
use crate::generator::{Generator, Threads};
use crate::history::{History, Kind, Operation, Process};
use crate::host::{Event, Host};
use crate::nemesis::{FaultContext, FaultRecord, Nemesis};
use crate::net::{Body, EndpointId, Faults, Message, Net, Role};
use crate::seed::ChaCha8Rng;
use crate::service::{self, Service};
use crate::workload::{FinalPhase, Phases, Rules};

use calls::Calls;
use warnings::Warnings;
use workers::Worker;

pub use outcome::Outcome;
pub use plan::{NoopObserver, Observer, Plan};
pub use warnings::{Warning, WarningKind};

/// Performs a run.
///
/// If it breaks off (a node does not initialise or ends by itself, or the user interrupts it),
/// [`Outcome::failure`] says why, beside what was observed until then.
pub fn run<H: Host>(plan: Plan, host: &mut H, observer: &mut dyn Observer) -> Outcome {
    run_with(plan, host, observer, |_, _| ())
}

/// Performs a run as [`run`] does, after `prepare` had access to the host and the network's faults.
pub fn run_with<H: Host>(
    plan: Plan,
    host: &mut H,
    observer: &mut dyn Observer,
    prepare: impl FnOnce(Rc<RefCell<Faults>>, &H),
) -> Outcome {
    let mut run = Run::new(plan, host, observer);
    prepare(run.net.faults(), run.host);
    let failure = run.perform().err();
    run.finish(failure)
}

/// The state of a run.
struct Run<'a, H> {
    plan: Plan,
    host: &'a mut H,
    observer: &'a mut dyn Observer,
    net: Net,
    services: BTreeMap<EndpointId, Box<dyn Service>>,
    service_rng: ChaCha8Rng,
    nemesis_rng: ChaCha8Rng,
    generator_rng: ChaCha8Rng,
    threads: Threads,
    workers: Vec<Worker>,
    calls: Calls,
    rules: Rules,
    /// Whether all nodes have been set up, so that an `init` is that of a restarted node.
    is_under_way: bool,
    /// The generator of the current phase.
    generator: Option<Box<dyn Generator>>,
    history: History,
    /// Host time at which history time begins.
    origin: Duration,
    next_client: usize,
    warnings: Warnings,
    /// The names of all nodes as JSON, once it is known.
    node_ids: Option<String>,
    /// The first things that each node did wrong since it was started.
    problems: Vec<Vec<String>>,
    /// The last message that each node was handed since it was started.
    last_delivered: Vec<Option<Message>>,
    kills: usize,
    pauses: usize,
    /// The number of operations, those that were left out included.
    operations_drawn: u64,
    /// The number of operations that were left out since the last that was performed.
    left_out_in_a_row: u64,
    /// Whether the nemesis has taken each node down.
    down: Vec<bool>,
}

impl<'a, H: Host> Run<'a, H> {
    fn new(mut plan: Plan, host: &'a mut H, observer: &'a mut dyn Observer) -> Run<'a, H> {
        let mut net = Net::new(plan.latency, plan.seed, plan.recording);
        if let Some(log) = plan.message_log.take() {
            net.keep_messages(log);
        }
        for node in &plan.settings.nodes {
            net.register(node, Role::Node);
        }
        let services = service::all(plan.services).into_iter();
        let services = services
            .map(|(name, service)| (net.register(name, Role::Service), service))
            .collect();
        let concurrency = plan.settings.concurrency;
        let node_count = plan.settings.nodes.len();
        Run {
            net,
            services,
            service_rng: plan.seed.stream("services"),
            nemesis_rng: plan.seed.stream("nemesis"),
            generator_rng: plan.seed.stream("generator"),
            threads: Threads::new(concurrency),
            workers: (0..concurrency)
                .map(|thread| Worker::new(thread % node_count))
                .collect(),
            calls: Calls::default(),
            rules: plan.workload.rules(&plan.settings),
            is_under_way: false,
            generator: None,
            history: History::default(),
            origin: Duration::ZERO,
            next_client: 0,
            warnings: Warnings::default(),
            node_ids: None,
            problems: vec![Vec::new(); node_count],
            last_delivered: vec![None; node_count],
            kills: 0,
            pauses: 0,
            operations_drawn: 0,
            left_out_in_a_row: 0,
            down: vec![false; node_count],
            plan,
            host,
            observer,
        }
    }

    fn perform(&mut self) -> Result<()> {
        self.observer.milestone("Setting up nodes");
        self.start_nodes()?;
        self.origin = self.host.now();
        self.net.begin_history(self.origin);
        self.set_up_clients()?;
        self.is_under_way = true;
        self.observer.milestone("Relative time begins now");
        let Phases { main, last } = self.plan.workload.phases(&self.plan.settings);
        self.main_phase(main)?;
        let last = match self.plan.final_operation.take() {
            Some(operation) => Some(FinalPhase::once_per_thread(operation)),
            None => last,
        };
        last.map_or(Ok(()), |phase| self.final_phase(phase))
    }

    fn finish(mut self, failure: Option<anyhow::Error>) -> Outcome {
        let nodes = &self.plan.settings.nodes;
        for (node, name) in nodes.iter().enumerate() {
            let dropped = self.host.unlogged_bytes(node);
            if dropped > 0 {
                let text = format!("{name} wrote more to stderr than its log has room for");
                self.warnings
                    .add_many(WarningKind::UnloggedOutput, Some(node), dropped, &text);
            }
        }
        let faults = self.net.faults();
        let fault_counts = faults.borrow().counts();
        let decisions = DecisionCounts {
            operations: self.operations_drawn,
            faults: self.plan.nemesis.start_count(),
            messages: faults.borrow().affected_count(),
        };
        let mut journal = self.net.into_journal(self.origin);
        if let Some(error) = journal.close_log() {
            let text = format!("the log of messages is incomplete: {error}");
            self.observer.warning(&text);
        }
        Outcome {
            history: self.history,
            journal,
            fault_counts,
            kills: self.kills,
            pauses: self.pauses,
            decisions,
            warnings: self.warnings.into_list(nodes),
            failure,
        }
    }

    /// Returns the time since the run's origin, as it stands in the history.
    fn now(&self) -> Duration {
        self.host.now().saturating_sub(self.origin)
    }

    /// Handles everything that is due: arrivals and expired calls.
    fn settle(&mut self) -> Result<()> {
        loop {
            let now = self.host.now();
            while let Some((receiver, message)) = self.net.next_delivery(now) {
                if self.plan.log_received {
                    let (src, dest) = (self.net.name(message.src), self.net.name(receiver));
                    let text = format!("received {src} → {dest} {}", message.body);
                    self.observer.milestone(&text);
                }
                self.deliver(receiver, message)?;
            }
            if !self.expire_call(now)? {
                return Ok(());
            }
        }
    }

    /// Waits until something happens, at most until the given history time.
    fn wait(&mut self, until: Option<Duration>) -> Result<()> {
        let until = until.map(|until| until.saturating_add(self.origin));
        let until = earliest(until, self.net.next_wake());
        let until = earliest(until, self.next_expiry());
        match self.host.wait(until)? {
            Event::Line { node, line } => {
                self.handle_line(node, &line);
                Ok(())
            }
            Event::Exited { node, report } => Err(self.node_ended(node, &report)),
            Event::TimeReached => Ok(()),
        }
    }

    fn heal(&mut self) -> Result<()> {
        self.with_faults(Nemesis::heal)
    }

    /// Lets the nemesis act, records what it did, and does to nodes what it wants.
    fn with_faults(
        &mut self,
        act: impl FnOnce(&mut Nemesis, &mut FaultContext<'_>) -> Vec<FaultRecord>,
    ) -> Result<()> {
        let nodes = self.plan.settings.nodes.clone();
        let faults = self.net.faults();
        let rng = &mut self.nemesis_rng;
        let mut cx = FaultContext {
            nodes: &nodes,
            faults,
            rng,
            actions: Vec::new(),
            warnings: Vec::new(),
        };
        let records = act(&mut self.plan.nemesis, &mut cx);
        let FaultContext {
            actions, warnings, ..
        } = cx;
        for text in warnings {
            if self
                .warnings
                .add(WarningKind::IneffectiveFault, None, &text)
                == 1
            {
                self.observer.warning(&text);
            }
        }
        for FaultRecord { f, request, result } in records {
            for value in [request, result] {
                self.record(Operation {
                    time: self.now(),
                    value,
                    ..entry(Process::Nemesis, Kind::Info, f)
                });
            }
        }
        actions
            .into_iter()
            .try_for_each(|action| self.take_action(action))
    }

    /// Puts a message into the network.
    fn send(&mut self, src: EndpointId, dest: EndpointId, body: Body) {
        self.send_for(None, src, dest, body);
    }

    /// Puts a message into the network, for the operation of this index in the history.
    fn send_for(
        &mut self,
        operation: Option<usize>,
        src: EndpointId,
        dest: EndpointId,
        body: Body,
    ) {
        if self.plan.log_sent {
            let (src, dest) = (self.net.name(src), self.net.name(dest));
            self.observer
                .milestone(&format!("sent {src} → {dest} {body}"));
        }
        let now = self.host.now();
        self.net.send_for(operation, now, src, dest, body);
    }

    /// Adds an entry to the history, and shows it to the observer and the generator.
    fn record(&mut self, operation: Operation) {
        let operation = self.history.push(operation);
        self.observer.operation(operation);
        if let Some(generator) = &mut self.generator {
            generator.observe(operation);
        }
    }
}

/// Returns an entry of the history without time, value and error.
fn entry(process: Process, kind: Kind, f: impl Into<Cow<'static, str>>) -> Operation {
    Operation {
        index: 0,
        time: Duration::ZERO,
        kind,
        process,
        f: f.into(),
        value: Value::Nil,
        error: None,
        exception: None,
        extra: Vec::new(),
    }
}

fn earliest(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
