//! What the disk is for.

use std::sync::atomic::{AtomicU64, Ordering};

use eddy::check::Verdict;
use eddy::nemesis::{Fault, Kill, Target};
use eddy::net::Latency;
use eddy::simulation::{Simulation, for_each_seed, ms, secs};
use glomers::Context;
use lin_kv::LinKv;
use raft::Disks;

use crate::cluster::{LATENCY, SYNC, assert_recovered, cluster, load, options};

/// A crash between a write and its sync tears what was written: some of it is there, or nothing.
#[test]
fn crashes_in_the_middle_of_a_write_are_survived() {
    let (unsynced, torn) = (AtomicU64::new(0), AtomicU64::new(0));
    for_each_seed(|seed| {
        // Slow disks are caught in the act more often.
        let disks = Disks::new(10 * SYNC);
        let kills = Kill::of(Target::Minority).every(secs(1));
        let run = cluster(seed, 3, &disks).nemesis(kills).run(load(3));
        assert_recovered(&run);
        assert!(disks.losses().crashes > 0, "nobody was killed");
        unsynced.fetch_add(disks.losses().unsynced, Ordering::Relaxed);
        torn.fetch_add(disks.losses().torn, Ordering::Relaxed);
    });
    // A single seed may be spared.
    if std::env::var_os("SEED").is_none() {
        assert!(unsynced.into_inner() > 0, "no crash struck before a sync");
        assert!(torn.into_inner() > 0, "no crash tore a write");
    }
}

/// A server that forgets its vote and its log may help two values to the same place. The checker
/// sees it; so the disk is what keeps the promise, and the faults do strike where it matters.
#[test]
fn without_its_disk_it_is_not_linearizable() {
    let is_caught = |seed: u64| {
        let forgetful = |cx: &Context| {
            let disk = Disks::default().open(cx.id(), &mut cx.rng());
            LinKv::new(cx, disk, options())
        };
        let run = Simulation::new(seed)
            .nodes(3, forgetful)
            .latency(Latency::constant(LATENCY))
            .nemesis(Kill::one().every(ms(700)))
            .run(load(3));
        assert!(run.kills() > 0, "nobody was killed");
        run.verdict() == Verdict::Invalid
    };
    assert!((0..30).any(is_caught), "thirty seeds saw nothing wrong");
}
