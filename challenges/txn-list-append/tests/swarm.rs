//! Txn-list-append in worlds that a seed has drawn.

use eddy::simulation::{Configuration, Run, Swarm, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use raft::{Disks, Options};
use txn_list_append::{OnLog, PATIENCE};

fn swarm() -> Swarm {
    Swarm::of(workload::TxnListAppend)
        .rate(50.0..=150.0)
        .latency_up_to(ms(30))
        .time_limit(secs(15), secs(4))
}

fn run(drawn: &Configuration) -> Run {
    let sync_time = ms(drawn.rng().random_range(0..5));
    let disks = Disks::new(sync_time);
    let make = move |cx: &Context| {
        let disk = disks.open(cx.id(), &mut cx.rng());
        OnLog::new(cx, disk, Options::patience(PATIENCE))
    };
    drawn
        .simulation()
        .nodes(drawn.nodes, make)
        .note(format_args!("syncs of {sync_time:?}"))
        .run(drawn.load())
}

/// Disks lose what was not synced. A run may be too rough for any transaction to succeed.
#[test]
fn no_mixture_of_faults_shows_in_a_list() {
    swarm().for_each(10, |drawn| run(drawn).assert_safe());
}

#[test]
fn the_same_seed_gives_the_same_run_message_for_message() {
    swarm().assert_repeatable(2, run);
}
