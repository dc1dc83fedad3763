//! Challenges 3a to 3e, and the three profiles with the targets that we set ourselves.

use broadcast::Windows;
use eddy::nemesis::{Fault, Partition};
use eddy::net::Latency;
use eddy::simulation::{Load, for_each_seed, ms, secs};
use eddy::workload;

use crate::rig::{cluster, load};

/// Challenge 3a: one node.
#[test]
fn a_single_node_needs_nobody() {
    for_each_seed(|seed| {
        let load = Load::of(workload::Broadcast)
            .rate(10.0)
            .time_limit(secs(20));
        let run = cluster(seed, 1, Windows::balanced()).run(load);
        run.assert_valid();
        assert_eq!(run.messages_per_op(), 0.0);
    });
}

/// Challenge 3b: five nodes, and values everywhere within a few seconds.
#[test]
fn five_nodes_know_everything_within_a_second() {
    for_each_seed(|seed| {
        let load = Load::of(workload::Broadcast)
            .rate(10.0)
            .time_limit(secs(20));
        let run = cluster(seed, 5, Windows::balanced())
            .latency(Latency::constant(ms(0)))
            .run(load);
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.stable_latency(1.0) < secs(1));
    });
}

/// Challenge 3c: a partition delays messages, and loses none.
#[test]
fn every_value_reaches_every_node_after_a_partition() {
    for_each_seed(|seed| {
        let load = Load::of(workload::Broadcast)
            .rate(10.0)
            .time_limit(secs(20));
        let run = cluster(seed, 5, Windows::balanced())
            .latency(Latency::constant(ms(0)))
            .nemesis(Partition::halves().every(secs(5)))
            .run(load);
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.net().dropped > 0, "the partition never cut anything");
    });
}

/// Challenge 3d, with fewer messages than any other solution of its latency.
#[test]
fn balanced_rounds_cost_a_message_per_operation_and_take_less_than_600_ms() {
    for_each_seed(|seed| {
        let run = cluster(seed, 25, Windows::balanced()).run(load());
        run.assert_valid();
        assert!(run.messages_per_op() <= 1.10);
        assert!(run.stable_latency(0.5) < ms(400));
        assert!(run.stable_latency(1.0) < ms(600));
    });
}

/// Challenge 3e, likewise.
#[test]
fn frugal_rounds_cost_half_a_message_per_operation_and_take_less_than_two_seconds() {
    for_each_seed(|seed| {
        let run = cluster(seed, 25, Windows::frugal()).run(load());
        run.assert_valid();
        assert!(run.messages_per_op() <= 0.52);
        assert!(run.stable_latency(0.5) < secs(1));
        assert!(run.stable_latency(1.0) < secs(2));
    });
}

/// As fast as light allows: one hop is 100 ms.
#[test]
fn swift_values_take_one_hop() {
    for_each_seed(|seed| {
        let run = cluster(seed, 25, Windows::swift()).run(load());
        run.assert_valid();
        assert!(run.messages_per_op() <= 12.5);
        assert!(run.stable_latency(0.5) <= ms(100));
        assert!(run.stable_latency(1.0) <= ms(125));
    });
}

/// Partitions of every kind cost messages, but not many, and no value.
#[test]
fn partitions_cost_less_than_two_messages_per_operation() {
    for windows in [Windows::frugal(), Windows::balanced()] {
        for_each_seed(|seed| {
            let run = cluster(seed, 25, windows)
                .nemesis(Partition::any().every(secs(10)))
                .run(load());
            run.assert_valid();
            assert_eq!(run.ok_fraction(), 1.0);
            assert!(run.net().dropped > 0, "the partition never cut anything");
            assert!(run.messages_per_op() <= 2.0);
        });
    }
}
