//! Figures under the load that others publish: rate 100, ten clients for each node.

use std::time::Duration;

use eddy::nemesis::{Fault, Partition, PartitionKind, Schedule};
use eddy::simulation::{for_each_seed, ms, secs};
use raft::Disks;

use crate::cluster::{
    LATENCY, RECOVERY, SYNC, answered, assert_recovered, cluster, latencies, load, operations,
    print_figures, run_with_faults,
};

#[test]
fn operations_without_faults_take_little_more_than_a_round_trip() {
    // A sync of the leader and of a follower; each may first wait for the sync of the turn before.
    let slack = 4 * SYNC;
    for (count, round_trips, messages_per_op) in [(3, 1, 4.0), (5, 2, 8.0)] {
        for_each_seed(|seed| {
            let run = run_with_faults(seed, count, vec![]);
            print_figures(&format!("{count} nodes"), &run);
            assert_eq!(answered(&run, RECOVERY), 1.0);
            assert!(run.messages_per_op() < messages_per_op);
            for f in ["read", "write", "cas"] {
                let latencies = latencies(&run, f, RECOVERY, |_| true);
                let at = |quantile: f64| latencies[(latencies.len() as f64 * quantile) as usize];
                let expected = 2 * round_trips * LATENCY + slack;
                // One queue per node delivers all messages, so a request may wait for a message that
                // is in transit,
                assert!(at(0.5) <= expected + LATENCY, "{f}: {:?}", at(0.5));
                // and for another operation that is in progress.
                assert!(at(0.99) <= 2 * expected + LATENCY, "{f}: {:?}", at(0.99));
            }
        });
    }
}

/// Returns upstream's partitions without the kind that cuts no node off in a cluster of three.
fn partitions() -> Schedule {
    let kinds = [
        PartitionKind::One,
        PartitionKind::Majority,
        PartitionKind::MajoritiesRing,
    ];
    Partition::of(kinds).every(secs(3))
}

/// `--nemesis partition --nemesis-interval 3`. Partitions last half of the time and make up to half
/// of the nodes unavailable. The others continue once they have a leader.
#[test]
fn majority_stays_available_under_partitions() {
    for count in [3, 5] {
        for_each_seed(|seed| {
            let run = run_with_faults(seed, count, vec![partitions()]);
            print_figures(&format!("{count} nodes, partitions"), &run);
            assert!(run.net().dropped > 0, "the partition never cut anything");
            assert!(answered(&run, Duration::ZERO) > 0.7);
            for f in ["read", "write"] {
                assert!(run.latency_of(f, 0.5) <= ms(60));
            }
        });
    }
}

/// Clients of the workload wait for one second; a longer operation has no known outcome.
#[test]
fn every_operation_completes_within_a_second() {
    for_each_seed(|seed| {
        let disks = Disks::new(SYNC);
        let run = cluster(seed, 5, &disks).nemesis(partitions()).run(load(5));
        assert_recovered(&run);
        assert!(run.net().dropped > 0, "the partition never cut anything");
        for (invocation, completion) in operations(&run) {
            assert!(
                completion.time - invocation.time < secs(1),
                "{completion:?}"
            );
        }
    });
}

#[test]
fn same_seed_gives_same_messages() {
    let run = |seed: u64| {
        let disks = Disks::new(SYNC);
        cluster(seed.into(), 3, &disks)
            .nemesis(partitions())
            .record_all_messages()
            .run(load(3).time_limit(secs(8)))
    };
    let (one, other) = (run(7), run(7));
    assert!(one.net().dropped > 0, "the partition never cut anything");
    assert!(one.journal().events() == other.journal().events());
    assert!(one.journal().events() != run(8).journal().events());
}
