//! Lin-kv in worlds that a seed has drawn.

use eddy::check::Verdict;
use eddy::nemesis::{Fault, Kill, Partition};
use eddy::net::Latency;
use eddy::simulation::{Configuration, Load, Run, Simulation, Swarm, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use lin_kv::{LinKv, PATIENCE};
use raft::{Disks, Options};

fn swarm() -> Swarm {
    Swarm::of(workload::LinKv)
        .rate(50.0..=150.0)
        .latency_up_to(ms(30))
        .time_limit(secs(15), secs(4))
}

fn run(drawn: &Configuration) -> Run {
    let mut dice = drawn.rng();
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
    let simulation = drawn.simulation().nodes(drawn.nodes, make).note(note);
    // Some clients read, and as many write: on each node there are as many of either.
    let clients = 2 * drawn.nodes * dice.random_range(1..=5);
    simulation.run(drawn.load().concurrency(clients))
}

/// Disks lose what was not synced, logs are short, and messages small, so that what is rare
/// otherwise happens all the time. A run may be too rough for some kind of operation to succeed.
#[test]
fn no_mixture_of_faults_shows_in_a_register() {
    swarm().for_each(10, |drawn| run(drawn).assert_safe());
}

#[test]
fn the_same_seed_gives_the_same_run_message_for_message() {
    swarm().assert_repeatable(2, run);
}

/// A world in which leaders come and go, and those who were cut off stand for election.
fn turmoil(seed: u64, remember: bool) -> Run {
    let disks = Disks::new(ms(0));
    let make = move |cx: &Context| {
        if !remember {
            disks.damage(cx.id(), Vec::clear);
        }
        let disk = disks.open(cx.id(), &mut cx.rng());
        LinKv::new(cx, disk, Options::patience(PATIENCE))
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

/// Term, vote and log are on the disk for a reason: who comes back without them votes for somebody
/// who never heard of what it once helped to decide.
#[test]
fn nodes_that_forget_what_they_voted_for_are_found_out() {
    let found = (0..20).find(|&seed| {
        turmoil(seed, true).assert_safe();
        let run = turmoil(seed, false);
        assert!(run.kills() > 0 && run.net().dropped > 0);
        run.results().workload().verdict() == Verdict::Invalid
    });
    assert!(found.is_some(), "nobody noticed");
}
