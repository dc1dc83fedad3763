//! Lin-kv under randomly drawn configurations.

use eddy::check::Verdict;
use eddy::nemesis::{Fault, Kill, Partition};
use eddy::net::Latency;
use eddy::simulation::{Configuration, Load, Run, Simulation, Swarm, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use lin_kv::{LinKv, REQUEST_TIMEOUT};
use raft::{Disks, Options};

fn swarm() -> Swarm {
    Swarm::of(workload::LinKv)
        .rate(50.0..=150.0)
        .latency_up_to(ms(30))
        .time_limit(secs(15), secs(4))
}

fn run(drawn: &Configuration) -> Run {
    let mut rng = drawn.rng();
    let sync_time = ms(rng.random_range(0..5));
    let disks = Disks::new(sync_time);
    let mut options = Options::with_request_timeout(REQUEST_TIMEOUT);
    options.log_bytes_min = rng.random_range(1_000..50_000);
    options.raft.message_bytes_max = rng.random_range(200..20_000);
    let note = format!(
        "syncs of {sync_time:?}, logs from {} bytes, messages up to {} bytes",
        options.log_bytes_min, options.raft.message_bytes_max
    );
    let make = move |cx: &Context| {
        let disk = disks.open(cx.id(), &mut cx.rng());
        LinKv::new(cx, disk, options.clone())
    };
    let simulation = drawn.simulation().nodes(drawn.nodes, make).note(note);
    // An even number of clients for each node, so that on each node half of them only read.
    let clients = 2 * drawn.nodes * rng.random_range(1..=5);
    simulation.run(drawn.load().concurrency(clients))
}

/// Disks lose unsynced bytes, logs are short and messages small, so that snapshots and chunks are
/// frequent. In a harsh run some operations may never succeed.
#[test]
fn random_faults_preserve_linearizability() {
    swarm().for_each(10, |drawn| run(drawn).assert_safe());
}

#[test]
fn same_seed_gives_same_messages() {
    swarm().assert_repeatable(2, run);
}

/// Runs a cluster with frequent changes of leader. Without `keep_disks`, a restarted node finds an
/// empty disk.
fn run_with_elections(seed: u64, keep_disks: bool) -> Run {
    let disks = Disks::new(ms(0));
    let make = move |cx: &Context| {
        if !keep_disks {
            disks.damage(cx.id(), Vec::clear);
        }
        let disk = disks.open(cx.id(), &mut cx.rng());
        LinKv::new(cx, disk, Options::with_request_timeout(REQUEST_TIMEOUT))
    };
    Simulation::new(seed)
        .nodes(3, make)
        .latency(Latency::exponential(ms(10)))
        .nemesis(Kill::one().every(ms(700)))
        .nemesis(Partition::one().every(ms(900)))
        .run(
            Load::of(workload::LinKv)
                .rate(100.0)
                .concurrency(12)
                .time_limit(secs(15)),
        )
}

/// A node that restarts without term, vote and log may elect a leader that lacks committed entries.
#[test]
fn restart_without_votes_is_found_invalid() {
    let found = (0..20).find(|&seed| {
        run_with_elections(seed, true).assert_safe();
        let run = run_with_elections(seed, false);
        assert!(run.kills() > 0 && run.net().dropped > 0);
        run.results().workload().verdict() == Verdict::Invalid
    });
    assert!(found.is_some(), "no seed of twenty was found invalid");
}
