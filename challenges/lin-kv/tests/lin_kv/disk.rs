//! What the disk is for, and what becomes of a node whose disk fails.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use eddy::check::Verdict;
use eddy::nemesis::{Fault, Kill, Target};
use eddy::net::Latency;
use eddy::simulation::{Simulation, for_each_seed, ms, secs};
use glomers::Context;
use lin_kv::LinKv;
use raft::{Disk, Disks, MemoryDisk, Written};

use crate::cluster::{
    LATENCY, RECOVERY, SYNC, assert_recovered, cluster, is_answered, latencies, load, node_of,
    nodes, operations, options,
};

/// The leader has an entry on disk before it sends it, and a follower before it answers; so a change
/// takes two syncs at least, on a network that takes no time. A read leaves no trace on a disk.
#[test]
fn nothing_is_acknowledged_before_a_majority_has_it_on_disk() {
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

/// A disk that fails for good, once it has been asked to sync so many times.
struct Failing {
    disk: MemoryDisk,
    syncs_left: Cell<u32>,
    failed: Rc<Cell<bool>>,
}

impl Disk for Failing {
    fn name(&self) -> String {
        self.disk.name()
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        self.disk.read()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.disk.truncate(length)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        assert!(!self.failed.get(), "a disk that failed is not used again");
        self.disk.append(bytes)
    }

    fn sync(&mut self) -> Written<'_> {
        let Some(left) = self.syncs_left.get().checked_sub(1) else {
            self.failed.set(true);
            return Box::pin(async { Err(io::Error::other("the platter is scratched")) });
        };
        self.syncs_left.set(left);
        self.disk.sync()
    }

    fn replace(&mut self, contents: Vec<u8>) -> Written<'_> {
        self.disk.replace(contents)
    }
}

/// Nobody knows what is on a disk that failed to sync. Its node promises nothing any more, says so
/// to its clients, and is to the others as good as dead; they go on without it.
#[test]
fn a_node_whose_disk_fails_steps_aside() {
    for_each_seed(|seed| {
        // Be it the leader or not.
        let struck = (seed.0 % 3) as usize;
        let (disks, failed) = (Disks::new(SYNC), Rc::new(Cell::new(false)));
        let fails = Rc::clone(&failed);
        let make = move |cx: &Context| {
            let disk = disks.open(cx.id(), &mut cx.rng());
            if cx.id() != format!("n{struck}") {
                return LinKv::new(cx, disk, options());
            }
            let (syncs_left, failed) = (Cell::new(100), Rc::clone(&fails));
            let failing = Failing {
                disk,
                syncs_left,
                failed,
            };
            LinKv::new(cx, failing, options())
        };
        let run = Simulation::new(seed)
            .nodes(3, make)
            .latency(Latency::constant(LATENCY))
            .run(load(3));
        run.assert_valid();
        assert!(failed.get(), "the disk did not fail");
        for (invocation, completion) in operations(&run) {
            if invocation.time >= secs(12) {
                let aside = node_of(invocation, 3) == struck;
                assert_eq!(is_answered(completion), !aside, "{completion:?}");
            }
        }
    });
}

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
    if std::env::var_os("EDDY_SEED").is_none() {
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
