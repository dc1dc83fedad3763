//! Txn-list-append under randomly drawn configurations.

use eddy::simulation::{Configuration, Run, Swarm, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use raft::{Disks, Options};
use txn_list_append::{OnLog, REQUEST_TIMEOUT};

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
        OnLog::new(cx, disk, Options::with_request_timeout(REQUEST_TIMEOUT))
    };
    drawn
        .simulation()
        .nodes(drawn.nodes, make)
        .note(format_args!("syncs of {sync_time:?}"))
        .run(drawn.load())
}

/// Disks lose unsynced bytes. In a harsh run no transaction may succeed.
#[test]
fn random_faults_preserve_strict_serializability() {
    swarm().for_each(10, |drawn| run(drawn).assert_safe());
}

#[test]
fn same_seed_gives_same_messages() {
    swarm().assert_repeatable(2, run);
}
