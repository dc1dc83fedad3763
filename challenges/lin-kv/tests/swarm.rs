//! Lin-kv in worlds that a seed has drawn.

use eddy::check::Workload;
use eddy::simulation::{Configuration, Run, Swarm, ms, secs};
use glomers::prelude::*;
use lin_kv::{LinKv, PATIENCE};
use raft::{Disks, Options};

fn swarm() -> Swarm {
    Swarm::of(Workload::LinKv)
        .rate(50.0..=150.0)
        .latency_up_to(ms(30))
        .lasting(secs(15), secs(4))
}

fn run(drawn: &Configuration) -> Run {
    let mut dice = drawn.dice();
    let sync_time = ms(dice.random_range(0..5));
    let disks = Disks::new(sync_time);
    let mut options = Options::patience(PATIENCE);
    options.log_bytes_min = dice.random_range(1_000..50_000);
    options.raft.message_bytes_max = dice.random_range(200..20_000);
    let note = format!(
        "syncs of {sync_time:?}, logs from {} bytes, messages up to {} bytes",
        options.log_bytes_min, options.raft.message_bytes_max
    );
    let make = move |cx: &Context| {
        let disk = disks.open(cx.id(), &mut cx.rng());
        LinKv::new(cx, disk, options.clone())
    };
    let simulation = drawn.simulation().nodes(drawn.nodes, make).noting(note);
    // Some clients read, and as many write: on each node there are as many of either.
    let clients = 2 * drawn.nodes * dice.random_range(1..=5);
    simulation.run(drawn.load().concurrency(clients))
}

/// Disks lose what was not synced, logs are short, and messages small, so that what is rare
/// otherwise happens all the time. A run may be too rough for some kind of operation to succeed.
#[test]
fn no_mixture_of_faults_shows_in_a_register() {
    swarm().for_each(10, |drawn| run(drawn).assert_nothing_wrong_seen());
}

#[test]
fn the_same_seed_gives_the_same_run_message_for_message() {
    swarm().assert_repeatable(2, run);
}
