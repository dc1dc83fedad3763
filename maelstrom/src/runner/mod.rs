//! A run, from the first `init` to the last operation.
//!
//! ```text
//! generator → client → net → host → node
//!      nemesis ↗         ↘ journal, history
//! ```
//!
//! Everything happens on one thread, in one loop: deliver what has arrived, expire what waited too
//! long, let the nemesis and the generator act, and wait on the host until something happens. The
//! host decides whether time is real or virtual; nothing else does.

mod calls;
mod nodes;
mod outcome;
mod workers;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::edn::Value;
use crate::generator::{Generator, Next, Threads, Turn};
use crate::history::{History, Kind, Operation, Process};
use crate::host::{Event, Host};
use crate::nemesis::{Arena, Deed, Nemesis};
use crate::net::{Body, EndpointId, Faults, Latency, Net, Recording, Role, Strikes};
use crate::seed::{ChaCha8Rng, Seed};
use crate::service::{self, Service};
use crate::workload::{Settings, Workload};

use calls::Calls;
use workers::Worker;

pub use outcome::Outcome;

/// Between the healing of all faults and the final operations.
pub const RECOVERY: Duration = Duration::from_secs(10);

/// What a run is to do.
pub struct Plan {
    /// The workload.
    pub workload: Box<dyn Workload>,
    /// What the workload is told.
    pub settings: Settings,
    /// How long the main phase lasts.
    pub time_limit: Duration,
    /// How long the nemesis rests at the end of the main phase, all faults healed.
    pub calm: Duration,
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
pub struct Silent;

impl Observer for Silent {}

/// Performs a run.
///
/// A run that came to no end (a node did not initialise or crashed, or it was interrupted) says why
/// in [`Outcome::failure`], beside what was seen until then.
pub fn run<H: Host>(plan: Plan, host: &mut H, observer: &mut dyn Observer) -> Outcome {
    run_with(plan, host, observer, |_, _| ())
}

/// As [`run`], with a word to the host and the network's faults before anything starts.
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
    /// The generator of the current phase.
    generator: Option<Box<dyn Generator>>,
    history: History,
    /// Host time at which history time begins.
    origin: Duration,
    next_client: usize,
    /// How many complaints there were about each node.
    complaints: Vec<usize>,
    kills: usize,
    pauses: usize,
    /// Nodes that are down because the nemesis wants it so.
    down: Vec<bool>,
}

impl<'a, H: Host> Run<'a, H> {
    fn new(plan: Plan, host: &'a mut H, observer: &'a mut dyn Observer) -> Run<'a, H> {
        let mut net = Net::new(plan.latency, plan.seed, plan.recording);
        for node in &plan.settings.nodes {
            net.register(node, Role::Node);
        }
        let services = service::all().into_iter();
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
            generator: None,
            history: History::default(),
            origin: Duration::ZERO,
            next_client: 0,
            complaints: vec![0; node_count],
            kills: 0,
            pauses: 0,
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
        self.set_up_clients()?;
        self.observer.milestone("Relative time begins now");
        self.main_phase()?;
        self.final_phase()
    }

    fn finish(self, failure: Option<anyhow::Error>) -> Outcome {
        let strikes: Strikes = self.net.faults().borrow().strikes();
        Outcome {
            history: self.history,
            journal: self.net.into_journal(self.origin),
            strikes,
            kills: self.kills,
            pauses: self.pauses,
            complaints: self.complaints.iter().sum(),
            failure,
        }
    }

    /// Time since the run's origin, as it stands in the history.
    fn now(&self) -> Duration {
        self.host.now().saturating_sub(self.origin)
    }

    fn main_phase(&mut self) -> Result<()> {
        let Plan {
            time_limit, calm, ..
        } = self.plan;
        if self.plan.settings.rate > 0.0 {
            let generator = self.plan.workload.generator(&self.plan.settings);
            self.generator = Some(generator.map_err(|problem| anyhow!(problem))?);
        }
        let begin = self.now();
        let faults_end = begin + time_limit.saturating_sub(calm);
        let mut cutoff = begin + time_limit;
        let mut first = true;
        while self.now() < cutoff {
            self.settle()?;
            let next_fault = self.let_nemesis_act(faults_end)?;
            let next_operation = match self.invoke_next(cutoff)? {
                Asked::Invoked(at) => {
                    // The limit counts from the first operation.
                    if std::mem::take(&mut first) {
                        cutoff = at + time_limit;
                    }
                    continue;
                }
                Asked::Wait(until) => until,
                // Without operations time passes all the same.
                Asked::Done => Some(cutoff),
            };
            let next = earliest(next_fault, next_operation);
            // As upstream: the phase ends as soon as nothing more can begin in it.
            if next_operation.is_some_and(|at| at >= cutoff)
                && next.is_some_and(|at| at >= cutoff)
                && self.generator.is_some()
            {
                break;
            }
            self.observer
                .progress(self.now().saturating_sub(begin), time_limit);
            self.wait(earliest(next, Some(cutoff)))?;
        }
        // The generator sees the last completions too: the final phase may build on them.
        self.drain()?;
        self.generator = None;
        Ok(())
    }

    /// Heals, lets the cluster recover, and performs the workload's last operations.
    fn final_phase(&mut self) -> Result<()> {
        let Some(phase) = self.plan.workload.final_generator() else {
            return Ok(());
        };
        self.heal()?;
        self.observer.milestone("Waiting for recovery...");
        let recovered = self.now() + RECOVERY;
        while self.now() < recovered {
            self.settle()?;
            self.wait(Some(recovered))?;
        }
        self.generator = Some(phase.generator);
        let cutoff = phase.limit.map(|limit| self.now() + limit);
        loop {
            self.settle()?;
            match self.invoke_next(cutoff.unwrap_or(Duration::MAX))? {
                Asked::Invoked(_) => continue,
                Asked::Wait(until) => {
                    if cutoff.is_some_and(|cutoff| self.now() >= cutoff) {
                        break;
                    }
                    self.wait(earliest(until, cutoff))?;
                }
                Asked::Done => break,
            }
        }
        self.drain()
    }

    /// Waits until every operation has ended.
    fn drain(&mut self) -> Result<()> {
        loop {
            self.settle()?;
            if self.threads.all_free() {
                return Ok(());
            }
            self.wait(None)?;
        }
    }

    /// Handles everything that is due now: arrivals and expired calls.
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
            Event::Exited { report, .. } => Err(anyhow!(report)),
            Event::TimeReached => Ok(()),
        }
    }

    /// Asks the generator for an operation that is due before `cutoff`, and invokes it.
    fn invoke_next(&mut self, cutoff: Duration) -> Result<Asked> {
        let now = self.now();
        let Some(generator) = &mut self.generator else {
            return Ok(Asked::Done);
        };
        if now >= cutoff {
            return Ok(Asked::Wait(Some(cutoff)));
        }
        let mut turn = Turn {
            now,
            threads: &self.threads,
            rng: &mut self.generator_rng,
        };
        match generator.next(&mut turn) {
            Next::Invoke {
                thread,
                at,
                invocation,
            } => {
                self.begin(thread, at, invocation)?;
                Ok(Asked::Invoked(at))
            }
            Next::Wait(until) => Ok(Asked::Wait(until)),
            Next::Done => Ok(Asked::Done),
        }
    }

    /// Performs what the nemesis has due before `end`, and tells when it is due next. If a calm
    /// follows, everything is healed at the end.
    fn let_nemesis_act(&mut self, end: Duration) -> Result<Option<Duration>> {
        loop {
            let now = self.now();
            match self.plan.nemesis.next_at().filter(|&at| at < end) {
                Some(at) if at > now => return Ok(Some(at)),
                Some(_) => {
                    self.with_arena(|nemesis, arena| {
                        nemesis.act(now, arena).into_iter().collect()
                    })?;
                    self.threads.dispatch(None);
                }
                None if self.plan.calm.is_zero() || self.plan.nemesis.is_over() => return Ok(None),
                None if now < end => return Ok(Some(end)),
                None => self.heal()?,
            }
        }
    }

    fn heal(&mut self) -> Result<()> {
        self.with_arena(Nemesis::heal)
    }

    /// Lets the nemesis do something, writes it down, and carries out what it wants of nodes.
    fn with_arena(
        &mut self,
        act: impl FnOnce(&mut Nemesis, &mut Arena<'_>) -> Vec<Deed>,
    ) -> Result<()> {
        let nodes = self.plan.settings.nodes.clone();
        let faults = self.net.faults();
        let rng = &mut self.nemesis_rng;
        let mut arena = Arena {
            nodes: &nodes,
            faults,
            rng,
            actions: Vec::new(),
        };
        let deeds = act(&mut self.plan.nemesis, &mut arena);
        let actions = arena.actions;
        for Deed { f, request, result } in deeds {
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
        if self.plan.log_sent {
            let (src, dest) = (self.net.name(src), self.net.name(dest));
            self.observer
                .milestone(&format!("sent {src} → {dest} {body}"));
        }
        self.net.send(self.host.now(), src, dest, body);
    }

    /// Adds an entry to the history, and tells everybody who wants to know.
    fn record(&mut self, operation: Operation) {
        let operation = self.history.push(operation);
        self.observer.operation(operation);
        if let Some(generator) = &mut self.generator {
            generator.observe(operation);
        }
    }
}

/// What came of asking the generator.
enum Asked {
    /// An operation began, which was due at this time.
    Invoked(Duration),
    /// Nothing before this time, or before something completes.
    Wait(Option<Duration>),
    /// Nothing ever.
    Done,
}

/// A blank entry of the history.
fn entry(process: Process, kind: Kind, f: &'static str) -> Operation {
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
