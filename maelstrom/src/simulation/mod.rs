//! Simulated runs: the same nodes, network, workloads, nemesis and checkers, in virtual time.
//!
//! ```
//! use eddy::simulation::{Load, Simulation, for_each_seed, ms, secs};
//! use eddy::workload::Echo as EchoWorkload;
//! use eddy::net::Latency;
//! # use glomers::prelude::*;
//! # #[derive(Deserialize)]
//! # #[serde(rename_all = "snake_case")]
//! # enum Request { Echo { echo: Value } }
//! # #[derive(Serialize)]
//! # #[serde(tag = "type", rename_all = "snake_case")]
//! # enum Reply { EchoOk { echo: Value } }
//! # #[derive(Clone)]
//! # struct Echo;
//! # impl Node for Echo {
//! #     type Request = Request;
//! #     type Reply = Reply;
//! #     async fn handle(&self, Request::Echo { echo }: Request, _: &Context) -> Result<Reply> {
//! #         Ok(Reply::EchoOk { echo })
//! #     }
//! # }
//! for_each_seed(|seed| {
//!     let run = Simulation::new(seed)
//!         .nodes(3, |_: &Context| Echo)
//!         .latency(Latency::exponential(ms(100)))
//!         .run(Load::of(EchoWorkload).rate(50.0).time_limit(secs(5)));
//!     run.assert_valid();
//! });
//! ```

mod fault_kind;
mod load;
mod reduction;
mod run;
mod scenario;
mod seeds;
mod shard;
mod shrink;
mod story;
mod swarm;
mod tally;
mod trial;
mod watchdog;

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use glomers::{Context, IntoNode};

pub use crate::runner::{Warning, WarningKind};
pub use fault_kind::FaultKind;
pub use load::Load;
pub use run::Run;
pub use seeds::{for_each_seed, for_seeds};
pub use shrink::shrink;
pub use story::{EVENTS_MAX, story};
pub use swarm::{Configuration, Swarm};
pub use tally::Totals;

use crate::check;
use crate::decisions::Kept;
use crate::host::{Host, NodeFactory, SimulatedHost};
use crate::nemesis::{Nemesis, Schedule};
use crate::net::{Faults, Latency, MessageLog, Recording};
use crate::runner::{self, NoopObserver, Plan};
use crate::seed::Seed;
use crate::service::ServiceOptions;
use crate::workload::Settings;

use reduction::Reduction;
use run::TextLog;

/// Returns a duration in milliseconds.
pub const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Returns a duration in seconds.
pub const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

type Script = Box<dyn FnOnce(NetworkControl) -> std::pin::Pin<Box<dyn Future<Output = ()>>>>;

/// A run that can be simulated.
pub struct Simulation {
    seed: Seed,
    count: usize,
    factory: Option<NodeFactory>,
    latency: Latency,
    schedules: Vec<Schedule>,
    services: ServiceOptions,
    scripts: Vec<Script>,
    recording: Recording,
    verbose: bool,
    notes: Vec<String>,
    kept_operations: Kept,
    kept_faults: Kept,
}

/// The network as a script of faults sees it.
#[derive(Clone)]
pub struct NetworkControl {
    faults: Rc<RefCell<Faults>>,
}

impl NetworkControl {
    /// Cuts the nodes of `left` off from those of `right`, in both directions, until the result is
    /// dropped.
    pub fn cut(&self, left: &[usize], right: &[usize]) -> crate::net::Cut {
        let both = left
            .iter()
            .flat_map(|&a| right.iter().flat_map(move |&b| [(a, b), (b, a)]));
        self.cut_links(both)
    }

    /// Cuts one direction: the nodes of `deaf` do not hear those of `mute`, until the result is
    /// dropped.
    pub fn cut_one_way(&self, deaf: &[usize], mute: &[usize]) -> crate::net::Cut {
        self.cut_links(deaf.iter().flat_map(|&a| mute.iter().map(move |&b| (a, b))))
    }

    fn cut_links(&self, links: impl Iterator<Item = (usize, usize)>) -> crate::net::Cut {
        let mut blocked = std::collections::BTreeMap::new();
        for (deaf, mute) in links {
            let endpoint = |node: usize| crate::net::EndpointId(node as u32);
            let senders: &mut std::collections::BTreeSet<_> =
                blocked.entry(endpoint(deaf)).or_default();
            senders.insert(endpoint(mute));
        }
        crate::net::Cut::new(self.faults.clone(), blocked)
    }
}

impl Simulation {
    /// Creates a run without nodes, latency or faults.
    pub fn new(seed: impl Into<Seed>) -> Simulation {
        Simulation {
            seed: seed.into(),
            count: 0,
            factory: None,
            latency: Latency::constant(Duration::ZERO),
            schedules: Vec::new(),
            services: ServiceOptions::default(),
            scripts: Vec::new(),
            recording: Recording::First(0),
            verbose: std::env::var_os("EDDY_VERBOSE").is_some(),
            notes: Vec::new(),
            kept_operations: Kept::All,
            kept_faults: Kept::All,
        }
    }

    /// Sets the number of nodes, which are called `n0`, `n1`, …, and what makes them.
    pub fn nodes<M: IntoNode + 'static>(
        self,
        count: usize,
        make: impl Fn(&Context) -> M + Clone + 'static,
    ) -> Simulation {
        self.node_count(count).factory(make)
    }

    pub(crate) fn node_count(self, count: usize) -> Simulation {
        Simulation { count, ..self }
    }

    pub(crate) fn factory<M: IntoNode + 'static>(
        self,
        make: impl Fn(&Context) -> M + Clone + 'static,
    ) -> Simulation {
        let factory = Some(NodeFactory::new(make));
        Simulation { factory, ..self }
    }

    pub(crate) fn seed(self, seed: Seed) -> Simulation {
        Simulation { seed, ..self }
    }

    /// Sets how long messages between servers take.
    pub fn latency(self, latency: Latency) -> Simulation {
        Simulation { latency, ..self }
    }

    /// Adds a fault with its times. May be called several times.
    pub fn nemesis(mut self, schedule: Schedule) -> Simulation {
        self.schedules.push(schedule);
        self
    }

    /// Sets how the services behave, such as whether replicas of `lww-kv` converge.
    pub fn services(self, services: ServiceOptions) -> Simulation {
        Simulation { services, ..self }
    }

    /// Adds a script of faults, which runs beside the nodes, on their clock.
    pub fn script<F: Future<Output = ()> + 'static>(
        mut self,
        script: impl FnOnce(NetworkControl) -> F + 'static,
    ) -> Simulation {
        self.scripts
            .push(Box::new(move |world| Box::pin(script(world))));
        self
    }

    /// Keeps every message, so that two runs can be compared.
    pub fn record_all_messages(self) -> Simulation {
        Simulation {
            recording: Recording::All,
            ..self
        }
    }

    /// Adds a note to the run's description, such as what else was drawn from the seed.
    pub fn note(mut self, note: impl fmt::Display) -> Simulation {
        self.notes.push(note.to_string());
        self
    }

    /// Simulates the run and checks it. The description of a run that is replayed (`EDDY_SEED=n`) is
    /// printed first.
    ///
    /// # Panics
    ///
    /// If no nodes were given, or the workload cannot run with these settings.
    pub fn run(mut self, mut load: Load) -> Run {
        let reduction = trial::next_reduction();
        let kept_messages = match &reduction {
            Some(reduction) => self.reduce(reduction, &mut load),
            None => Kept::All,
        };
        let has_scripts = !self.scripts.is_empty();
        let factory = self.factory.take().expect("a simulation needs nodes");
        let (names, seed) = (self.names(), self.seed);
        let host = SimulatedHost::new(factory, &names, seed);
        let mut host = host
            .expect("a runtime without I/O can be built")
            .verbose(self.verbose);
        let scripts = std::mem::take(&mut self.scripts);
        let run = self.run_on(&mut host, load, |faults, host| {
            faults.borrow_mut().keep(kept_messages);
            for script in scripts {
                let faults = faults.clone();
                host.spawn(script(NetworkControl { faults }));
            }
        });
        if reduction.is_some() {
            trial::observe(&run, has_scripts);
        }
        run
    }

    /// Leaves out what a reduction does not keep. Returns which affected messages it keeps.
    fn reduce(&mut self, reduction: &Reduction, load: &mut Load) -> Kept {
        // Clients stay as many as they were, if there are fewer nodes.
        load.concurrency = Some(self.concurrency(load));
        if let (Some(clients), Some(concurrency)) = (reduction.clients, &mut load.concurrency) {
            *concurrency = clients.min(*concurrency);
        }
        self.count = reduction
            .nodes
            .map_or(self.count, |count| count.min(self.count));
        if let Some(limit) = reduction.time_limit {
            let faults_end = load.time_limit.saturating_sub(load.fault_free_tail);
            load.time_limit = limit.min(load.time_limit);
            load.fault_free_tail = load.time_limit.saturating_sub(faults_end);
        }
        self.recording = Recording::All;
        self.kept_operations = reduction.operations.clone();
        self.kept_faults = reduction.faults.clone();
        reduction.messages.clone()
    }

    /// Returns an error if the workload cannot run with these settings.
    pub(crate) fn validate(&self, load: &Load) -> Result<()> {
        let checked = load.workload.validate(&self.settings(load));
        checked.map_err(anyhow::Error::msg)
    }

    fn settings(&self, load: &Load) -> Settings {
        let mut settings = Settings {
            rate: load.rate,
            concurrency: self.concurrency(load),
            latency: self.latency.mean(),
            time_limit: load.time_limit,
            ..Settings::new(&*load.workload, self.names())
        };
        for (name, value) in &load.options {
            settings.options.set(name.as_str(), value);
        }
        settings
    }

    pub(crate) fn names(&self) -> Vec<String> {
        (0..self.count).map(|node| format!("n{node}")).collect()
    }

    /// Performs the run on a host. Scripts and skewed clocks are matters of the simulated one.
    pub(crate) fn run_on<H: Host>(
        self,
        host: &mut H,
        load: Load,
        prepare: impl FnOnce(Rc<RefCell<Faults>>, &H),
    ) -> Run {
        let description = self.describe(&load);
        tally::announce(self.seed, &description);
        if let Err(problem) = self.validate(&load) {
            if trial::is_probing() {
                trial::leave();
            }
            panic!("{problem:#}");
        }
        let messages = (self.recording == Recording::All).then(TextLog::default);
        let workload = &*load.workload;
        let settings = self.settings(&load);
        let plan = Plan {
            final_operation: load.final_operation.clone(),
            fault_free_tail: load.fault_free_tail,
            latency: self.latency,
            kept_operations: self.kept_operations,
            nemesis: Nemesis::new(self.schedules).keep(self.kept_faults),
            services: self.services,
            recording: self.recording,
            message_log: messages.clone().map(MessageLog::new),
            ..Plan::new(load.workload.clone(), settings.clone(), self.seed)
        };
        let outcome = runner::run_with(plan, host, &mut NoopObserver, prepare);
        let net = outcome.journal.to_edn(outcome.operations());
        let results = check::check(&outcome.history, workload, &settings, Some(net));
        let workload = load.workload.clone();
        let mut run = Run::new(
            self.seed,
            description,
            settings,
            workload,
            outcome,
            results,
            host.now(),
        );
        run.messages = messages;
        run
    }

    fn concurrency(&self, load: &Load) -> usize {
        let default = || load.workload.default_concurrency(self.count);
        load.concurrency.unwrap_or_else(default)
    }

    /// Describes the run in one line.
    fn describe(&self, load: &Load) -> String {
        let mut parts = vec![
            load.workload.name().to_owned(),
            format!("{} nodes", self.count),
            format!("{} clients", self.concurrency(load)),
            format!("latency {}", self.latency),
            format!("{:.0} op/s for {:?}", load.rate, load.time_limit),
        ];
        if !load.fault_free_tail.is_zero() {
            parts.push(format!("no faults in the last {:?}", load.fault_free_tail));
        }
        parts.extend(self.schedules.iter().map(Schedule::to_string));
        if self.schedules.is_empty() {
            parts.push("no faults".to_owned());
        }
        parts.extend(self.notes.iter().cloned());
        parts.join(", ")
    }
}
