//! Every kind of fault: nothing wrong is seen meanwhile, and all nodes agree afterwards.

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

/// What a run must show of its faults, so that it does not pass for want of them.
type Struck = fn(&Run) -> bool;

fn survives(schedules: impl Fn() -> Vec<Schedule> + Sync, struck: Struck, then: fn(&Run)) {
    for_each_seed(|seed| {
        let simulation = schedules()
            .into_iter()
            .fold(five_nodes(seed), Simulation::nemesis);
        let run = simulation.run(load().time_limit(secs(15)));
        assert!(struck(&run), "the faults never struck: {:?}", run.net());
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

/// Every transaction is answered, and of two that follow each other the later one wins.
fn totally_available(run: &Run) {
    assert_eq!(run.ok_fraction(), 1.0);
    let (transactions, state) = assert_read_atomic(run);
    assert_eq!(overtaken(&transactions, &state, TOLERANCE), [""; 0]);
}

/// Not every transaction is answered: some clients talk to a node that is down.
fn safe(run: &Run) {
    assert_read_atomic(run);
}

#[test]
fn partitions_are_survived() {
    let schedules = || vec![Partition::any().every(secs(2))];
    survives(schedules, |run| run.net().dropped > 0, totally_available);
}

/// A single link that is drawn at random is seldom one that is used, since gossip travels over a
/// star. So each of them has its turn, in both directions, and two at a time are cut.
#[test]
fn links_that_work_in_one_direction_only_are_survived() {
    for_each_seed(|seed| {
        let pairs = (0..5).flat_map(|deaf| (0..5).map(move |mute| (deaf, mute)));
        let mut links: Vec<_> = pairs.filter(|(deaf, mute)| deaf != mute).collect();
        links.shuffle(&mut seed.stream("links"));
        let simulation = five_nodes(seed).script(async move |world| {
            let mut cuts = VecDeque::new();
            for (deaf, mute) in links {
                cuts.push_back(world.cut_one_way(&[deaf], &[mute]));
                if cuts.len() > 2 {
                    cuts.pop_front();
                }
                sleep(secs(1)).await;
            }
        });
        let run = simulation.run(load().time_limit(secs(20)));
        assert!(run.net().dropped > 20, "{:?}", run.net());
        totally_available(&run);
    });
}

#[test]
fn lost_messages_are_made_up_for() {
    let schedules = || vec![Loss::of(0.2).always()];
    survives(schedules, |run| run.net().lost > 100, totally_available);
}

#[test]
fn messages_may_come_twice_and_overtake_each_other() {
    let schedules = || {
        vec![
            Duplication::of(0.3).always(),
            Delays::of(0.3, ms(500)).always(),
        ]
    };
    let struck: Struck = |run| run.net().duplicated > 100 && run.net().delayed > 100;
    survives(schedules, struck, totally_available);
}

#[test]
fn pauses_delay_answers_and_spoil_nothing() {
    let schedules = || vec![Pause::one().every(secs(2))];
    survives(schedules, |run| run.pauses() > 2, safe);
}

/// A node that was killed has lost what it did not pass on; nobody has seen any of that in part.
#[test]
fn nodes_come_back_without_memory_and_learn_everything_again() {
    let schedules = || vec![Kill::one().every(secs(2))];
    survives(schedules, |run| run.kills() > 2, safe);
}

/// The order of transactions needs no clocks that agree, and neither does their isolation.
#[test]
fn clocks_may_disagree_by_seconds() {
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
fn all_of_it_at_once_is_survived() {
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
    let struck: Struck = |run| {
        let net = run.net();
        let network = [net.dropped, net.lost, net.duplicated, net.delayed];
        network.iter().all(|count| *count > 0) && run.kills() > 0 && run.pauses() > 0
    };
    survives(schedules, struck, safe);
}
