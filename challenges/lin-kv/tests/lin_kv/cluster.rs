//! What the runs have in common.
//!
//! A compare-and-set that finds another value fails, and rightly so: with random values that is the
//! fate of most. So availability is measured here as the fraction of operations that the register
//! itself *answered*, be it with a refusal, and not by the workload's ok-fraction.

use std::time::Duration;

use eddy::history::{Kind, Operation, Process};
use eddy::nemesis::Schedule;
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::{Context, Result};
use lin_kv::{LinKv, PATIENCE};
use raft::{Disks, Options};

/// How long a message takes.
pub const LATENCY: Duration = ms(10);

/// How long a disk takes to make something durable.
pub const SYNC: Duration = ms(2);

/// At the end of a run nothing goes wrong for so long,
pub const CALM: Duration = secs(6);

/// and after so much of it everything works again: an election timeout for a leader to be missed,
/// another one if two candidates were in each other's way, and the round trips.
pub const RECOVERY: Duration = secs(2);

/// A run's main phase.
pub const LASTING: Duration = secs(20);

/// What nodes are as they come, but for their disks.
pub fn options() -> Options {
    Options::patience(PATIENCE)
}

/// Nodes with disks that survive them.
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

/// So many nodes with such disks, [`LATENCY`] apart.
pub fn cluster(seed: Seed, count: usize, disks: &Disks) -> Simulation {
    Simulation::new(seed)
        .nodes(count, nodes(disks, options()))
        .latency(Latency::constant(LATENCY))
}

/// The harshest load that is published for this workload, `--rate 100 --concurrency 10n`, with some
/// time at its end to recover in.
pub fn load(count: usize) -> Load {
    Load::of(workload::LinKv)
        .rate(100.0)
        .concurrency(10 * count)
        .time_limit(LASTING)
        .fault_free_tail(CALM)
}

/// A run of so many nodes in which all this goes wrong; valid, and recovered at its end.
pub fn survives(seed: Seed, count: usize, faults: Vec<Schedule>) -> Run {
    let disks = Disks::new(SYNC);
    let simulation = faults
        .into_iter()
        .fold(cluster(seed, count, &disks), Simulation::nemesis);
    let run = simulation.run(load(count));
    assert_recovered(&run);
    run
}

/// Fails unless the run is valid, and whatever was asked for once it had time to recover was
/// answered.
pub fn assert_recovered(run: &Run) {
    run.assert_valid();
    assert_eq!(run.protocol_violations(), 0);
    let recovered = LASTING - CALM + RECOVERY;
    let asked = || operations(run).filter(|(invocation, _)| invocation.time >= recovered);
    assert!(asked().count() > 200, "hardly anything was asked for");
    let unanswered = asked().filter(|(_, completion)| !is_answered(completion));
    let unanswered: Vec<_> = unanswered.collect();
    assert!(
        unanswered.is_empty(),
        "it has not recovered: {unanswered:?}"
    );
}

/// The operations of clients, with their completions.
pub fn operations(run: &Run) -> impl Iterator<Item = (&Operation, &Operation)> {
    let pairs = run.history().pairs();
    let pairs = pairs.filter(|(invocation, _)| invocation.is_client());
    pairs.filter_map(|(invocation, completion)| Some((invocation, completion?)))
}

/// Whether the register itself has answered, with a value or with a refusal.
pub fn is_answered(completion: &Operation) -> bool {
    let refusal = |error: &eddy::edn::Value| {
        let error = error.to_string();
        error.contains(":key-does-not-exist") || error.contains(":precondition-failed")
    };
    match completion.kind {
        Kind::Ok => true,
        Kind::Fail => completion.error.as_ref().is_some_and(refusal),
        _ => false,
    }
}

/// The fraction of operations that were answered, of those that began at `from` or later.
pub fn answered(run: &Run, from: Duration) -> f64 {
    let (mut all, mut answered) = (0_u32, 0_u32);
    for (_, completion) in operations(run).filter(|(invocation, _)| invocation.time >= from) {
        all += 1;
        answered += u32::from(is_answered(completion));
    }
    f64::from(answered) / f64::from(all)
}

/// The node that an operation was asked of: a client stays with its node, under whatever number.
pub fn node_of(invocation: &Operation, count: usize) -> usize {
    match invocation.process {
        Process::Client(id) => id as usize % count,
        Process::Nemesis => unreachable!("only operations of clients are looked at"),
    }
}

/// How long the operations of this name took that were answered, shortest first; of those only that
/// began at `from` or later and `of` chooses.
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

/// One line about a run, for the README.
pub fn tell(scenario: &str, run: &Run) {
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
