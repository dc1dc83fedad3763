//! Behaviour under every kind of fault: no isolation anomaly during the fault, and all nodes agree
//! afterwards.

use std::collections::VecDeque;
use std::time::Duration;

use eddy::nemesis::{
    ClockSkew, Delays, Duplication, Fault, Kill, Loss, Partition, Pause, Schedule,
};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, for_each_seed, ms, secs};
use rand::seq::SliceRandom;
use tokio::time::sleep;

use crate::checks::overtaken;
use crate::load::{TOLERANCE, assert_read_atomic, node, transactions};

/// A predicate that checks whether the faults of a run really happened.
type Happened = fn(&Run) -> bool;

fn survives(schedules: impl Fn() -> Vec<Schedule> + Sync, happened: Happened, then: fn(&Run)) {
    for_each_seed(|seed| {
        let simulation = schedules()
            .into_iter()
            .fold(five_nodes(seed), Simulation::nemesis);
        let run = simulation.run(load().time_limit(secs(15)));
        assert!(happened(&run), "the faults did not happen: {:?}", run.net());
        then(&run);
    });
}

fn five_nodes(seed: Seed) -> Simulation {
    Simulation::new(seed)
        .nodes(5, node)
        .latency(Latency::exponential(ms(20)))
}

fn load() -> Load {
    transactions("monotonic-atomic-view")
        .rate(150.0)
        .concurrency(10)
}

/// Asserts that every transaction is answered, and that of two consecutive ones the later wins.
fn assert_totally_available(run: &Run) {
    assert_eq!(run.ok_fraction(), 1.0);
    let (transactions, state) = assert_read_atomic(run);
    assert_eq!(overtaken(&transactions, &state, TOLERANCE), [""; 0]);
}

/// Asserts isolation alone: transactions sent to a node that is down are not answered.
fn assert_safe(run: &Run) {
    assert_read_atomic(run);
}

#[test]
fn partition_does_not_affect_availability() {
    let schedules = || vec![Partition::any().every(secs(2))];
    survives(
        schedules,
        |run| run.net().dropped > 0,
        assert_totally_available,
    );
}

/// Gossip travels over a star, so a random link is seldom in use. This test therefore cuts every
/// link in each direction, two at a time.
#[test]
fn one_way_cuts_do_not_affect_availability() {
    for_each_seed(|seed| {
        let pairs = (0..5).flat_map(|receiver| (0..5).map(move |sender| (receiver, sender)));
        let mut links: Vec<_> = pairs
            .filter(|(receiver, sender)| receiver != sender)
            .collect();
        links.shuffle(&mut seed.stream("links"));
        let simulation = five_nodes(seed).script(async move |world| {
            let mut cuts = VecDeque::new();
            for (receiver, sender) in links {
                cuts.push_back(world.cut_one_way(&[receiver], &[sender]));
                if cuts.len() > 2 {
                    cuts.pop_front();
                }
                sleep(secs(1)).await;
            }
        });
        let run = simulation.run(load().time_limit(secs(20)));
        assert!(run.net().dropped > 20, "{:?}", run.net());
        assert_totally_available(&run);
    });
}

#[test]
fn lost_messages_are_repaired() {
    let schedules = || vec![Loss::of(0.2).always()];
    survives(
        schedules,
        |run| run.net().lost > 100,
        assert_totally_available,
    );
}

#[test]
fn repeated_and_reordered_messages_are_tolerated() {
    let schedules = || {
        vec![
            Duplication::of(0.3).always(),
            Delays::of(0.3, ms(500)).always(),
        ]
    };
    let happened: Happened = |run| run.net().duplicated > 100 && run.net().delayed > 100;
    survives(schedules, happened, assert_totally_available);
}

#[test]
fn pauses_do_not_affect_isolation() {
    let schedules = || vec![Pause::one().every(secs(2))];
    survives(schedules, |run| run.pauses() > 2, assert_safe);
}

/// A killed node loses the write sets that it has not sent; no node has seen a part of them.
#[test]
fn restarted_node_receives_the_full_state() {
    let schedules = || vec![Kill::one().every(secs(2))];
    survives(schedules, |run| run.kills() > 2, assert_safe);
}

/// Neither the order of transactions nor their isolation depends on synchronized clocks.
#[test]
fn clock_skew_does_not_affect_isolation() {
    let schedules = || {
        vec![
            ClockSkew::up_to_ms(5000).every(secs(3)),
            Partition::any().every(secs(3)),
        ]
    };
    survives(
        schedules,
        |run| run.net().dropped > 0,
        |run| {
            assert_eq!(run.ok_fraction(), 1.0);
            assert_read_atomic(run);
        },
    );
}

#[test]
fn all_faults_at_once_do_not_affect_isolation() {
    let schedules = || {
        vec![
            Partition::any().every(secs(3)),
            Loss::of(0.1).always(),
            Duplication::of(0.1).always(),
            Delays::of(0.1, Duration::from_millis(300)).always(),
            Pause::one().every(secs(4)),
            Kill::one().every(secs(4)),
            ClockSkew::up_to_ms(1000).every(secs(4)),
        ]
    };
    let happened: Happened = |run| {
        let net = run.net();
        let network = [net.dropped, net.lost, net.duplicated, net.delayed];
        network.iter().all(|count| *count > 0) && run.kills() > 0 && run.pauses() > 0
    };
    survives(schedules, happened, assert_safe);
}
