//! Txn-list-append in worlds that a seed has drawn.

use eddy::check::Workload;
use eddy::simulation::{Swarm, ms, secs};
use glomers::prelude::*;
use raft::{Disks, Options};
use txn_list_append::{OnLog, PATIENCE};

/// Disks lose what was not synced.
#[test]
fn no_mixture_of_faults_shows_in_a_list() {
    let swarm = Swarm::of(Workload::TxnListAppend)
        .rate(50.0..=150.0)
        .latency_up_to(ms(30))
        .lasting(secs(15), secs(4));
    swarm.for_each(10, |drawn| {
        let sync_time = ms(drawn.dice().random_range(0..5));
        let disks = Disks::new(sync_time);
        let make = move |cx: &Context| {
            let disk = disks.open(cx.id(), &mut cx.rng());
            OnLog::new(cx, disk, Options::patience(PATIENCE))
        };
        let note = format!("syncs of {sync_time:?}");
        let simulation = drawn.simulation().nodes(drawn.nodes, make).noting(note);
        let run = simulation.run(drawn.load());
        run.assert_nothing_wrong_seen();
    });
}
