//! The specification of the logs: the challenges with their options and targets ([`official`]), under
//! faults ([`faults`], [`swarm`]), and the options of the binary ([`options`]).

mod faults;
mod official;
mod options;
mod swarm;

use std::time::Duration;

use eddy::check::log::LogAnalysis;
use eddy::history::{Kind, Operation, Process};
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, secs};
use eddy::workload;
use glomers::Context;
use kafka::{Kafka, Settings};

/// Returns a cluster with default settings.
fn cluster(seed: Seed, nodes: usize) -> Simulation {
    cluster_with(Settings::default(), seed, nodes)
}

fn cluster_with(settings: Settings, seed: Seed, nodes: usize) -> Simulation {
    Simulation::new(seed).nodes(nodes, move |cx: &Context| Kafka::new(cx, settings))
}

/// Settings with which a message is acknowledged as soon as its leader has it.
fn one_replica() -> Settings {
    Settings {
        replicas: 1,
        ..Settings::default()
    }
}

/// Returns the challenge's load at another rate, with two clients for each node.
fn load(nodes: usize, rate: f64) -> Load {
    Load::of(workload::Kafka)
        .rate(rate)
        .concurrency(2 * nodes)
        .time_limit(secs(20))
}

fn analysis(run: &Run) -> &LogAnalysis {
    let analysis = run.results().workload_as();
    analysis.expect("the workload is kafka")
}

/// Returns the invocations and completions of all clients' requests. Crashes of clients are not
/// requests.
fn requests(run: &Run) -> impl Iterator<Item = (&Operation, &Operation)> {
    let pairs = run.history().pairs();
    let pairs = pairs.filter(|(invocation, _)| invocation.is_client() && invocation.f != "crash");
    pairs.filter_map(|(invocation, completion)| Some((invocation, completion?)))
}

/// Numbers of outcomes of one kind of operation.
#[derive(Debug, Default)]
struct Outcomes {
    ok: usize,
    refused: usize,
    unknown: usize,
}

impl Outcomes {
    fn of(f: &str, run: &Run) -> Self {
        let mut outcomes = Self::default();
        for (_, completion) in requests(run).filter(|(invocation, _)| invocation.f == f) {
            match completion.kind {
                Kind::Ok => outcomes.ok += 1,
                Kind::Fail => outcomes.refused += 1,
                Kind::Info => outcomes.unknown += 1,
                Kind::Invoke => unreachable!("an invocation completes nothing"),
            }
        }
        outcomes
    }
}

/// Returns the node of an operation's client.
fn node_of(operation: &Operation, nodes: usize) -> usize {
    match operation.process {
        Process::Client(process) => process as usize % nodes,
        Process::Nemesis => unreachable!("the nemesis is no client"),
    }
}

/// Asserts that all requests to these nodes that began in this span of time succeeded.
fn assert_all_ok(run: &Run, nodes: usize, at: &[usize], from: Duration, to: Duration) {
    let span = from..to;
    let mut count = 0;
    for (invocation, completion) in requests(run) {
        if span.contains(&invocation.time) && at.contains(&node_of(invocation, nodes)) {
            assert_eq!(completion.kind, Kind::Ok, "{completion:?}");
            count += 1;
        }
    }
    assert!(count > 50, "only {count} operations began in {span:?}");
}

/// Asserts that refused sends were refused within a second.
fn assert_refusals_are_prompt(run: &Run) {
    for (invocation, completion) in requests(run) {
        if completion.kind == Kind::Fail && completion.f == "send" {
            let took = completion.time - invocation.time;
            assert!(took < secs(1), "refused after {took:?}: {completion:?}");
        }
    }
}
