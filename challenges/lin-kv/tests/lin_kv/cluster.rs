//! Clusters, loads and measurements that the tests share.
//!
//! A compare-and-set that finds another value correctly fails, and with random values most do.
//! Availability is therefore measured as the fraction of operations that the register *answered*,
//! with a value or a refusal, not as the workload's ok-fraction.

use std::time::Duration;

use eddy::history::{Kind, Operation, Process};
use eddy::nemesis::Schedule;
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::{Context, Result};
use lin_kv::{LinKv, REQUEST_TIMEOUT};
use raft::{Disks, Options};

/// Latency of a message.
pub const LATENCY: Duration = ms(10);

/// Duration of a sync.
pub const SYNC: Duration = ms(2);

/// Time without faults at the end of a run.
pub const FAULT_FREE_TAIL: Duration = secs(6);

/// Time after the last fault within which the cluster recovers: an election timeout, another one
/// after a split vote, and the round trips.
pub const RECOVERY: Duration = secs(2);

/// Duration of a run.
pub const TIME_LIMIT: Duration = secs(20);

/// Returns the options of the binary.
pub fn options() -> Options {
    Options::with_request_timeout(REQUEST_TIMEOUT)
}

/// Returns a function that creates nodes with disks that survive restarts.
pub fn nodes(
    disks: &Disks,
    options: Options,
) -> impl Fn(&Context) -> Result<LinKv> + Clone + use<> {
    let disks = disks.clone();
    move |cx: &Context| {
        let disk = disks.open(cx.id(), &mut cx.rng());
        LinKv::new(cx, disk, options.clone())
    }
}

/// Returns a simulation of `count` nodes with these disks and a latency of [`LATENCY`].
pub fn cluster(seed: Seed, count: usize, disks: &Disks) -> Simulation {
    Simulation::new(seed)
        .nodes(count, nodes(disks, options()))
        .latency(Latency::constant(LATENCY))
}

/// Returns the highest load published for this workload, `--rate 100 --concurrency 10n`, with a
/// fault-free tail.
pub fn load(count: usize) -> Load {
    Load::of(workload::LinKv)
        .rate(100.0)
        .concurrency(10 * count)
        .time_limit(TIME_LIMIT)
        .fault_free_tail(FAULT_FREE_TAIL)
}

/// Runs `count` nodes under faults and asserts that the run is valid and the cluster recovers.
pub fn run_with_faults(seed: Seed, count: usize, faults: Vec<Schedule>) -> Run {
    let disks = Disks::new(SYNC);
    let simulation = faults
        .into_iter()
        .fold(cluster(seed, count, &disks), Simulation::nemesis);
    let run = simulation.run(load(count));
    assert_recovered(&run);
    run
}

/// Asserts that the run is valid and that every operation after the recovery time was answered.
pub fn assert_recovered(run: &Run) {
    run.assert_valid();
    assert_eq!(run.protocol_violations(), 0);
    let recovered = TIME_LIMIT - FAULT_FREE_TAIL + RECOVERY;
    let asked = || operations(run).filter(|(invocation, _)| invocation.time >= recovered);
    assert!(asked().count() > 200, "too few operations after recovery");
    let unanswered = asked().filter(|(_, completion)| !is_answered(completion));
    let unanswered: Vec<_> = unanswered.collect();
    assert!(
        unanswered.is_empty(),
        "the cluster has not recovered: {unanswered:?}"
    );
}

/// Returns the operations of clients with their completions.
pub fn operations(run: &Run) -> impl Iterator<Item = (&Operation, &Operation)> {
    let pairs = run.history().pairs();
    let pairs = pairs.filter(|(invocation, _)| invocation.is_client());
    pairs.filter_map(|(invocation, completion)| Some((invocation, completion?)))
}

/// Returns whether the register answered, with a value or a refusal.
pub fn is_answered(completion: &Operation) -> bool {
    let refusal = |error: &eddy::edn::Value| {
        let error = error.to_string();
        error.contains(":key-does-not-exist") || error.contains(":precondition-failed")
    };
    match completion.kind {
        Kind::Ok => true,
        Kind::Fail => completion.error.as_deref().is_some_and(refusal),
        _ => false,
    }
}

/// Returns the fraction of operations, of those that began at `from` or later, that were answered.
pub fn answered(run: &Run, from: Duration) -> f64 {
    let (mut all, mut answered) = (0_u32, 0_u32);
    for (_, completion) in operations(run).filter(|(invocation, _)| invocation.time >= from) {
        all += 1;
        answered += u32::from(is_answered(completion));
    }
    f64::from(answered) / f64::from(all)
}

/// Returns the node that received an operation. A client keeps its node when its process number
/// changes.
pub fn node_of(invocation: &Operation, count: usize) -> usize {
    match invocation.process {
        Process::Client(id) => id as usize % count,
        Process::Nemesis => unreachable!("only operations of clients are looked at"),
    }
}

/// Returns the latencies of answered operations `f` that began at `from` or later and for which `of`
/// is true, in ascending order.
pub fn latencies(
    run: &Run,
    f: &str,
    from: Duration,
    of: impl Fn(&Operation) -> bool,
) -> Vec<Duration> {
    let chosen = operations(run).filter(|(invocation, completion)| {
        invocation.f == f && invocation.time >= from && is_answered(completion) && of(invocation)
    });
    let mut latencies: Vec<Duration> = chosen
        .map(|(invocation, completion)| completion.time - invocation.time)
        .collect();
    latencies.sort_unstable();
    latencies
}

/// Prints one line about a run for the README.
pub fn print_figures(scenario: &str, run: &Run) {
    eprintln!(
        "{scenario}: answered {:.3}, read {:?}/{:?}, write {:?}/{:?} (median/p99), {:.2} msgs/op",
        answered(run, Duration::ZERO),
        run.latency_of("read", 0.5),
        run.latency_of("read", 0.99),
        run.latency_of("write", 0.5),
        run.latency_of("write", 0.99),
        run.messages_per_op(),
    );
}
