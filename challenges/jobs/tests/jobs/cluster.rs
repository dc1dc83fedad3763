//! Clusters of each policy, and what happens to them.

use std::time::Duration;

use eddy::nemesis::{Fault, Kill, Partition, Pause, Schedule, Target};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, secs};
use eddy::workload::{self, JobsAnalysis, Settings, Slow};
use glomers::Context;
use jobs::Jobs;
use jobs::policy::Kind;

/// Number of nodes.
pub const NODES: usize = 5;

/// Time that a message takes between two nodes of a data centre.
pub const LATENCY: Duration = Duration::from_micros(500);

/// So many clients that no job waits for one: then it is the policy that orders the jobs.
const CLIENTS_PER_NODE: usize = 400;

/// A cluster and what happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Two slots on every node.
    Equal,
    /// One slot and four slots in turn.
    Unequal,
    /// Equal nodes, of which one at a time is five times slower.
    Slow,
    /// Equal nodes, of which one at a time is killed.
    Kill,
    /// Equal nodes, which do not all reach each other.
    Partition,
    /// Equal nodes, of which a minority is paused.
    Pause,
}

impl Scenario {
    /// The slots of the nodes in turn.
    pub fn capacities(self) -> &'static str {
        match self {
            Scenario::Unequal => "1,4",
            _ => "2",
        }
    }

    fn fault(self) -> Option<Schedule> {
        match self {
            Scenario::Equal | Scenario::Unequal => None,
            Scenario::Slow => {
                let nodes = (0..NODES).map(|node| format!("n{node}")).collect();
                let mut settings = Settings::new(&workload::Jobs, nodes);
                settings.options.set("capacities", self.capacities());
                Some(Slow::new(&settings).every(secs(3)))
            }
            Scenario::Kill => Some(Kill::of(Target::One).every(secs(3))),
            Scenario::Partition => Some(Partition::any().every(secs(3))),
            Scenario::Pause => Some(Pause::of(Target::Minority).every(secs(3))),
        }
    }
}

/// A cluster of this policy in this scenario.
pub fn cluster(seed: Seed, policy: Kind, scenario: Scenario) -> Simulation {
    let simulation = Simulation::new(seed)
        .nodes(NODES, move |cx: &Context| Jobs::new(cx, policy))
        .latency(Latency::constant(LATENCY));
    match scenario.fault() {
        Some(fault) => simulation.nemesis(fault),
        None => simulation,
    }
}

/// Jobs for this share of the cluster's capacity, for 20 s, of which the last 4 are without faults.
pub fn load(scenario: Scenario, load: f64) -> Load {
    Load::of(workload::Jobs)
        .option("load", load)
        .option("capacities", scenario.capacities())
        .concurrency(CLIENTS_PER_NODE * NODES)
        .time_limit(secs(20))
        .fault_free_tail(secs(4))
}

/// The verdict and the figures.
pub fn analysis(run: &Run) -> &JobsAnalysis {
    let analysis = run.results().workload_as();
    analysis.expect("the workload is jobs")
}
