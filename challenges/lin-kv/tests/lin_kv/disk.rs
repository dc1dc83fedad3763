//! Durability: what a node must have on disk, and when. A disk that fails is tested in package `raft`.

use std::sync::atomic::{AtomicU64, Ordering};

use eddy::check::Verdict;
use eddy::nemesis::{Fault, Kill, Target};
use eddy::net::{Event, Latency};
use eddy::simulation::{Simulation, for_each_seed, ms, secs};
use glomers::Context;
use lin_kv::LinKv;
use raft::Disks;
use tokio::time::sleep;

use crate::cluster::{
    LATENCY, RECOVERY, SYNC, assert_recovered, cluster, latencies, load, nodes, options,
};

/// The leader has an entry on disk before it sends it, and a follower before it answers, so a change
/// takes at least two syncs on a network without latency. A read writes nothing.
#[test]
fn change_is_acknowledged_after_two_syncs() {
    for_each_seed(|seed| {
        let sync = ms(30);
        for (count, syncs) in [(1, 1), (3, 2)] {
            let run = Simulation::new(seed)
                .nodes(count, nodes(&Disks::new(sync), options()))
                .run(load(count).concurrency(2 * count).rate(10.0));
            run.assert_valid();
            let latencies = |f| latencies(&run, f, RECOVERY, |_| true);
            for f in ["write", "cas"] {
                let shortest = latencies(f)[0];
                assert!(shortest >= syncs * sync - ms(1), "a {f} took {shortest:?}");
            }
            assert!(latencies("read")[0] <= ms(1));
        }
    });
}

/// Heartbeats and their answers do not wait for a sync. A leader stays leader while every disk
/// takes longer for a sync than an election timeout, so the operations in progress succeed.
#[test]
fn slow_disks_do_not_depose_the_leader() {
    for sync in [ms(500), ms(1000)] {
        for_each_seed(|seed| {
            let disks = Disks::new(SYNC);
            let slow_disks = disks.clone();
            let mut options = options();
            // Clients of this test wait for several syncs.
            options.request_timeout = secs(8);
            let run = Simulation::new(seed)
                .nodes(3, nodes(&disks, options))
                .latency(Latency::constant(LATENCY))
                .script(async move |_| {
                    sleep(secs(3)).await;
                    slow_disks.set_sync_time(sync);
                    std::future::pending().await
                })
                .record_all_messages()
                .run(load(3).rate(20.0).concurrency(6));
            run.assert_valid();
            let is_pre_vote = |event: &&Event| format!("{event:?}").contains("pre_vote");
            let events = run.journal().events();
            let mut pre_votes = events.iter().filter(is_pre_vote);
            assert!(
                pre_votes.next().is_some_and(|event| event.time < secs(2)),
                "the first election was not recorded"
            );
            let later = pre_votes.find(|event| event.time > secs(3));
            assert!(later.is_none(), "a server asked for an election: {later:?}");
        });
    }
}

/// A crash between a write and its sync keeps a prefix of the written bytes.
#[test]
fn acknowledged_changes_survive_torn_writes() {
    let (unsynced, torn) = (AtomicU64::new(0), AtomicU64::new(0));
    for_each_seed(|seed| {
        // With slow disks more crashes occur during a write.
        let disks = Disks::new(10 * SYNC);
        let kills = Kill::of(Target::Minority).every(secs(1));
        let run = cluster(seed, 3, &disks).nemesis(kills).run(load(3));
        assert_recovered(&run);
        assert!(disks.losses().crashes > 0, "no node was killed");
        unsynced.fetch_add(disks.losses().unsynced, Ordering::Relaxed);
        torn.fetch_add(disks.losses().torn, Ordering::Relaxed);
    });
    // With a single seed there may be none.
    if std::env::var_os("EDDY_SEED").is_none() {
        assert!(unsynced.into_inner() > 0, "no crash lost unsynced bytes");
        assert!(torn.into_inner() > 0, "no crash tore a write");
    }
}

/// A server that forgets its vote and its log may help to commit two entries at the same index. The
/// checker must find this, which also shows that the faults are harsh enough.
#[test]
fn nodes_that_lose_their_disks_are_not_linearizable() {
    let is_caught = |seed: u64| {
        let without_disk = |cx: &Context| {
            let disk = Disks::default().open(cx.id(), &mut cx.rng());
            LinKv::new(cx, disk, options())
        };
        let run = Simulation::new(seed)
            .nodes(3, without_disk)
            .latency(Latency::constant(LATENCY))
            .nemesis(Kill::one().every(ms(700)))
            .run(load(3));
        assert!(run.kills() > 0, "no node was killed");
        run.verdict() == Verdict::Invalid
    };
    assert!(
        (0..30).any(is_caught),
        "no seed of thirty was found invalid"
    );
}
