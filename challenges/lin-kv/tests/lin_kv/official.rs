//! The load that others publish, at the rate of 100 and with ten clients for each node, in figures.

use std::time::Duration;

use eddy::nemesis::{Fault, Partition, PartitionKind, Schedule};
use eddy::simulation::{for_each_seed, ms, secs};
use raft::Disks;

use crate::cluster::{
    LATENCY, RECOVERY, SYNC, answered, assert_recovered, cluster, latencies, load, operations,
    survives, tell,
};

#[test]
fn without_faults_everything_is_answered_in_little_more_than_a_round_trip() {
    // The leader's disk and a follower's, and up to one of each that is busy with the turn before.
    let slack = 4 * SYNC;
    for (count, round_trips, messages_per_op) in [(3, 1, 4.0), (5, 2, 8.0)] {
        for_each_seed(|seed| {
            let run = survives(seed, count, vec![]);
            tell(&format!("{count} nodes"), &run);
            assert_eq!(answered(&run, RECOVERY), 1.0);
            assert!(run.messages_per_op() < messages_per_op);
            for f in ["read", "write", "cas"] {
                let latencies = latencies(&run, f, RECOVERY, |_| true);
                let at = |quantile: f64| latencies[(latencies.len() as f64 * quantile) as usize];
                let expected = 2 * round_trips * LATENCY + slack;
                // A request waits for a message that is on its way to the node, since a single pump
                // hands both over,
                assert!(at(0.5) <= expected + LATENCY, "{f}: {:?}", at(0.5));
                // and perhaps for another operation that is under way.
                assert!(at(0.99) <= 2 * expected + LATENCY, "{f}: {:?}", at(0.99));
            }
        });
    }
}

/// Upstream's partitions, but for the kind that cuts nobody off of three nodes.
fn partitions() -> Schedule {
    let kinds = [
        PartitionKind::One,
        PartitionKind::Majority,
        PartitionKind::MajoritiesRing,
    ];
    Partition::of(kinds).every(secs(3))
}

/// `--nemesis partition --nemesis-interval 3`. Half of the time there is a partition, and then up
/// to half of the nodes can do nothing; the rest can, once they have found a leader.
#[test]
fn under_partitions_a_majority_goes_on() {
    for count in [3, 5] {
        for_each_seed(|seed| {
            let run = survives(seed, count, vec![partitions()]);
            tell(&format!("{count} nodes, partitions"), &run);
            assert!(run.net().dropped > 0, "the partition never cut anything");
            assert!(answered(&run, Duration::ZERO) > 0.7);
            for f in ["read", "write"] {
                assert!(run.latency_of(f, 0.5) <= ms(60));
            }
        });
    }
}

/// The workload's time limit is a second: an operation that takes longer has no known outcome.
#[test]
fn no_operation_is_left_without_an_answer_for_a_second() {
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
fn a_seed_determines_every_message() {
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
