//! The specification of the counter that goes up and down.

mod sums;
mod swarm;

use std::time::Duration;

use dissemination::Windows;
use eddy::nemesis::{Delays, Duplication, Fault, Kill, Loss, Partition, Pause};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Simulation, for_each_seed, ms, secs};
use eddy::workload;
use glomers::Context;
use pn_counter::{PnCounter, ROUND};
use sums::{NODES, assert_killed_node_counts_once, assert_reads_are_recent};

/// Creates five nodes, with 100 ms of latency between them.
fn nodes(seed: Seed) -> Simulation {
    Simulation::new(seed)
        .nodes(NODES, |cx: &Context| {
            PnCounter::new(cx, Windows::every(ROUND))
        })
        .latency(Latency::constant(ms(100)))
}

fn load() -> Load {
    Load::of(workload::PnCounter)
        .rate(100.0)
        .time_limit(secs(20))
}

#[test]
fn adds_are_delivered_within_a_second_for_a_quarter_of_a_message() {
    for_each_seed(|seed| {
        let run = nodes(seed).run(load());
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() < 0.25, "{}", run.messages_per_op());
        assert_reads_are_recent(&run, Duration::ZERO..secs(20), ms(800));
    });
}

#[test]
fn partitions_lose_no_add_and_cost_little() {
    for_each_seed(|seed| {
        let run = nodes(seed)
            .nemesis(Partition::any().every(secs(10)))
            .run(load());
        run.assert_valid();
        assert!(run.net().dropped > 0, "the partition never cut anything");
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() < 0.7, "{}", run.messages_per_op());
    });
}

#[test]
fn partition_is_caught_up_within_two_seconds_of_its_heal() {
    for_each_seed(|seed| {
        let (from, to) = (secs(5), secs(12));
        let run = nodes(seed)
            .nemesis(Partition::halves().between(from, to))
            .run(load());
        run.assert_valid();
        assert!(run.net().dropped > 0, "the partition never cut anything");
        assert_reads_are_recent(&run, to + secs(2)..secs(20), secs(2));
    });
}

#[test]
fn lost_duplicated_and_reordered_messages_do_not_change_the_sum() {
    for_each_seed(|seed| {
        let run = nodes(seed)
            .latency(Latency::exponential(ms(100)))
            .nemesis(Loss::of(0.2).always())
            .nemesis(Duplication::of(0.2).always())
            .nemesis(Delays::of(0.2, ms(500)).always())
            .run(load());
        run.assert_valid();
        let net = run.net();
        assert!(net.lost > 0 && net.duplicated > 0 && net.delayed > 0);
        assert!(run.messages_per_op() < 0.7, "{}", run.messages_per_op());
    });
}

#[test]
fn paused_node_catches_up() {
    for_each_seed(|seed| {
        let run = nodes(seed).nemesis(Pause::one().every(secs(2))).run(load());
        run.assert_valid();
        assert!(run.pauses() > 0);
    });
}

/// The adds that a killed node has sent count once, independently of its adds after the restart.
#[test]
fn killed_node_loses_at_most_a_round_and_counts_nothing_twice() {
    for_each_seed(|seed| {
        let run = nodes(seed)
            .nemesis(Kill::one().between(secs(8), secs(9)))
            .run(load());
        assert!(run.failure().is_none(), "{:?}", run.failure());
        assert_killed_node_counts_once(&run, ROUND + ms(50));
    });
}

#[test]
fn idle_counter_is_silent() {
    for_each_seed(|seed| {
        let messages = |lasting| {
            let run = nodes(seed).run(load().rate(0.0).time_limit(lasting));
            assert!(run.failure().is_none(), "{:?}", run.failure());
            run.journal().servers.sent
        };
        assert_eq!(messages(secs(10)), messages(secs(100)));
    });
}
