//! Behaviour under faults: acknowledged messages stay in their logs, in order and once; refused
//! ones have no effect; and all sends succeed again after the faults have ended.

use std::time::Duration;

use eddy::check::log::ErrorType;
use eddy::history::{Kind, Operation};
use eddy::nemesis::{
    Delays, Duplication, Fault, Kill, Loss, Partition, PartitionKind, Pause, Schedule, Target,
};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Run, Simulation, for_each_seed, for_seeds, ms, secs};
use rand::RngExt;
use tokio::time::sleep;

use super::{
    Outcomes, analysis, assert_all_ok, assert_refusals_are_prompt, cluster, cluster_with, load,
    one_replica,
};

/// Runs for 20 s, the last 6 of them without faults, and asserts that the run is valid and that all
/// requests of the last 3 s succeed.
fn survive(nodes: usize, rate: f64, simulation: Simulation) -> Run {
    survive_for(secs(20), nodes, rate, simulation)
}

fn survive_for(time_limit: Duration, nodes: usize, rate: f64, simulation: Simulation) -> Run {
    let load = load(nodes, rate)
        .time_limit(time_limit)
        .fault_free_tail(secs(6));
    let run = simulation.run(load);
    run.assert_valid();
    if run.pauses() == 0 {
        assert_refusals_are_prompt(&run);
    }
    let all: Vec<_> = (0..nodes).collect();
    assert_all_ok(&run, nodes, &all, time_limit - secs(3), time_limit);
    run
}

/// Kills three nodes, each after the one before has recovered.
fn one_kill_at_a_time(simulation: Simulation) -> Simulation {
    let kill = |from, to| Kill::one().between(secs(from), secs(to));
    let kills: [Schedule; 3] = [kill(2, 3), kill(6, 9), kill(12, 13)];
    kills.into_iter().fold(simulation, Simulation::nemesis)
}

#[test]
fn partition_of_two_nodes_loses_and_repeats_no_message() {
    for_each_seed(|seed| {
        let simulation = cluster(seed, 2).nemesis(Partition::halves().every(secs(3)));
        let run = survive(2, 300.0, simulation);
        assert!(run.net().dropped > 0, "the partition never cut anything");
    });
}

/// Each of four clients can have one send in flight when the partition begins, whose outcome stays
/// unknown. Later sends are refused within a second, and polls are answered.
#[test]
fn send_without_a_reachable_leader_is_refused_within_a_second() {
    for_each_seed(|seed| {
        let cut = Partition::halves().between(secs(2), secs(14));
        let run = survive(2, 300.0, cluster(seed, 2).nemesis(cut));
        assert!(run.net().dropped > 0, "the partition never cut anything");
        let sends = Outcomes::of("send", &run);
        assert!(sends.refused >= 20 && sends.unknown <= 4, "{sends:?}");
        let polls = Outcomes::of("poll", &run);
        assert!(
            polls.ok > 100 && polls.refused + polls.unknown == 0,
            "{polls:?}"
        );
    });
}

#[test]
fn partition_of_three_or_five_nodes_loses_and_repeats_no_message() {
    for nodes in [3, 5] {
        for_each_seed(|seed| {
            let partition = Partition::of([PartitionKind::One, PartitionKind::MajoritiesRing]);
            let simulation = cluster(seed, nodes).nemesis(partition.every(secs(3)));
            let run = survive(nodes, 300.0, simulation);
            assert!(run.net().dropped > 0, "the partition never cut anything");
        });
    }
}

#[test]
fn one_way_partition_loses_and_repeats_no_message() {
    for_each_seed(|seed| {
        let simulation = cluster(seed, 3).nemesis(Partition::one_way().every(secs(2)));
        let run = survive(3, 300.0, simulation);
        assert!(run.net().dropped > 0, "the partition never cut anything");
    });
}

/// After three seconds all requests of the other nodes succeed.
#[test]
fn majority_replaces_a_leader_that_is_cut_off() {
    for_each_seed(|seed| {
        let isolated = (seed.0 % 3) as usize;
        let others: Vec<_> = (0..3).filter(|node| *node != isolated).collect();
        let cut_from = others.clone();
        let simulation = cluster(seed, 3).script(async move |world| {
            sleep(secs(3)).await;
            let cut = world.cut(&[isolated], &cut_from);
            sleep(secs(9)).await;
            drop(cut);
        });
        let run = survive(3, 300.0, simulation);
        assert!(run.net().dropped > 0, "the partition never cut anything");
        assert_all_ok(&run, 3, &others, secs(6), secs(12));
    });
}

#[test]
fn majority_replaces_a_killed_leader() {
    for_each_seed(|seed| {
        let dead = (seed.0 % 3) as usize;
        let others: Vec<_> = (0..3).filter(|node| *node != dead).collect();
        let kill = Kill::of(Target::Node(dead)).between(secs(3), secs(12));
        let run = survive(3, 300.0, cluster(seed, 3).nemesis(kill));
        assert_eq!(run.kills(), 1);
        assert_all_ok(&run, 3, &others, secs(6), secs(12));
    });
}

#[test]
fn acknowledged_messages_survive_a_leader_crash() {
    for nodes in [2, 3, 5] {
        for_each_seed(|seed| {
            let run = survive(nodes, 300.0, one_kill_at_a_time(cluster(seed, nodes)));
            assert_eq!(run.kills(), 3);
        });
    }
}

/// A resumed node does not know that others have replaced it.
#[test]
fn paused_node_does_no_harm_after_resuming() {
    for nodes in [2, 3] {
        for_each_seed(|seed| {
            let simulation = cluster(seed, nodes).nemesis(Pause::one().every(secs(2)));
            let run = survive(nodes, 300.0, simulation);
            assert!(run.pauses() > 0, "no node was paused");
        });
    }
}

#[test]
fn lost_repeated_and_reordered_messages_are_tolerated() {
    for_each_seed(|seed| {
        let simulation = cluster(seed, 3)
            .nemesis(Loss::of(0.1).between(secs(0), secs(14)))
            .nemesis(Duplication::of(0.2).between(secs(0), secs(14)))
            .nemesis(Delays::of(0.2, ms(50)).between(secs(0), secs(14)));
        let run = survive(3, 300.0, simulation);
        let net = run.net();
        assert!(net.lost > 0 && net.duplicated > 0 && net.delayed > 0);
        assert!(run.ok_fraction() > 0.98, "{}", run.ok_fraction());
    });
}

/// The other members in sync are silent, and the only one left is killed while it takes over,
/// before another node can join. The silent members have missed no committed entry.
#[test]
fn leader_crash_during_takeover_loses_no_acks() {
    for_each_seed(|seed| {
        let at = secs(5) + ms(50) * (seed.0 % 10) as u32;
        let silent = |node, from, to| Pause::of(Target::Node(node)).between(from, to);
        let simulation = cluster(seed, 3)
            .nemesis(silent(2, secs(2), secs(4)))
            .nemesis(silent(0, secs(4), secs(8)))
            .nemesis(Kill::of(Target::Node(1)).between(at, at + secs(1)));
        let run = survive(3, 300.0, simulation);
        assert!(run.kills() == 1 && run.pauses() == 2);
    });
}

/// Time from the start of one wave of faults to the next.
const WAVE_PERIOD: Duration = secs(10);

/// The part of each wave in which faults happen. In the rest a killed node can get in sync again.
const FAULT_PERIOD: Duration = secs(6);

/// Three waves of faults. In each, one node is killed, and others are cut off and paused, at random
/// times and in any order.
fn waves(seed: Seed, simulation: Simulation) -> Simulation {
    let mut rng = seed.stream("waves");
    (0..3).fold(simulation, |simulation, wave| {
        let mut at_random_times = |fault: fn(Duration, Duration) -> Schedule| {
            let mut time = || WAVE_PERIOD * wave + FAULT_PERIOD.mul_f64(rng.random());
            let (one, other) = (time(), time());
            fault(one.min(other), one.max(other) + ms(300))
        };
        let kill = at_random_times(|from, to| Kill::one().between(from, to));
        let cut = at_random_times(|from, to| Partition::any().between(from, to));
        let one_way = at_random_times(|from, to| Partition::one_way().between(from, to));
        let pause = at_random_times(|from, to| Pause::one().between(from, to));
        [kill, cut, one_way, pause]
            .into_iter()
            .fold(simulation, Simulation::nemesis)
    })
}

/// Checks the promise of the README: any one node may be killed under any other faults, and the
/// next one after four seconds without faults.
#[test]
fn all_faults_at_once_lose_and_repeat_no_message() {
    for nodes in [3, 5] {
        for_seeds(10, |seed| {
            let simulation = waves(seed, cluster(seed, nodes))
                .latency(Latency::exponential(ms(10)))
                .nemesis(Loss::of(0.05).every(secs(3)))
                .nemesis(Duplication::of(0.1).every(secs(3)))
                .nemesis(Delays::of(0.1, ms(50)).every(secs(3)));
            let run = survive_for(3 * WAVE_PERIOD + secs(3), nodes, 200.0, simulation);
            assert!(run.kills() == 3 && run.pauses() > 0);
            let net = run.net();
            assert!(net.lost > 0 && net.duplicated > 0 && net.delayed > 0);
            assert!(net.dropped > 0, "the partition never cut anything");
        });
    }
}

/// All members in sync are killed at once, which the README excludes, and their messages are lost.
/// After the restart their shards stay closed, so that no offset is given to another message.
#[test]
fn restart_without_data_is_consistent() {
    for nodes in [2, 3] {
        for_each_seed(|seed| {
            let simulation = (0..nodes).fold(cluster(seed, nodes), |simulation, node| {
                simulation.nemesis(Kill::of(Target::Node(node)).between(secs(5), secs(6)))
            });
            let run = simulation.run(load(nodes, 300.0));
            assert_eq!(run.kills(), nodes);
            assert_only_lost(&run);
            let late = |(begin, _): &(&Operation, _)| begin.f == "send" && begin.time > secs(7);
            for (_, completion) in super::requests(&run).filter(late) {
                assert_eq!(completion.kind, Kind::Fail, "{completion:?}");
            }
        });
    }
}

/// Asserts that messages are lost and nothing else is wrong.
fn assert_only_lost(run: &Run) {
    assert!(run.failure().is_none());
    let errors: Vec<_> = analysis(run).errors().keys().collect();
    let is_lost = |error: &&ErrorType| matches!(error, ErrorType::LostWrite | ErrorType::Unseen);
    assert!(errors.iter().all(is_lost), "{errors:?}");
    assert_refusals_are_prompt(run);
}

/// With one replica a partition stops only sends that have to cross it.
#[test]
fn single_replica_serves_both_halves_of_a_partition() {
    for_each_seed(|seed| {
        let simulation = cluster_with(one_replica(), seed, 2)
            .nemesis(Partition::halves().between(secs(2), secs(14)));
        let run = survive(2, 300.0, simulation);
        assert!(run.net().dropped > 0, "the partition never cut anything");
        let within = secs(4)..secs(13);
        let sends = super::requests(&run).filter(|(begin, _)| begin.f == "send");
        let during = sends.filter(|(begin, _)| within.contains(&begin.time));
        let ok = during.filter(|(_, end)| end.kind == Kind::Ok).count();
        assert!(ok > 10, "{ok} sends succeeded");
    });
}

/// With one replica, the messages of a killed leader are lost. Its shard stays closed after the
/// restart, so that no offset is given to another message.
#[test]
fn single_replica_may_lose_messages_but_reuses_no_offset() {
    for_each_seed(|seed| {
        let kill = Kill::one().between(secs(5), secs(6));
        let simulation = cluster_with(one_replica(), seed, 3).nemesis(kill);
        let run = simulation.run(load(3, 300.0));
        assert_eq!(run.kills(), 1);
        assert_only_lost(&run);
    });
}
