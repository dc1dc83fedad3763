//! When things go wrong: what was acknowledged stays, in its order and once; what is refused never
//! happened; and it works again when things are well.

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

/// A run of 20 s, of which the last 6 are without faults: it is valid, and ends well.
fn survive(nodes: usize, rate: f64, simulation: Simulation) -> Run {
    survive_for(secs(20), nodes, rate, simulation)
}

fn survive_for(lasting: Duration, nodes: usize, rate: f64, simulation: Simulation) -> Run {
    let load = load(nodes, rate)
        .time_limit(lasting)
        .fault_free_tail(secs(6));
    let run = simulation.run(load);
    run.assert_valid();
    if run.pauses() == 0 {
        assert_refusals_are_prompt(&run);
    }
    let everybody: Vec<_> = (0..nodes).collect();
    assert_all_ok(&run, nodes, &everybody, lasting - secs(3), lasting);
    run
}

/// Kills one node after the other, each when the one before has recovered.
fn one_kill_at_a_time(simulation: Simulation) -> Simulation {
    let kill = |from, to| Kill::one().between(secs(from), secs(to));
    let kills: [Schedule; 3] = [kill(2, 3), kill(6, 9), kill(12, 13)];
    kills.into_iter().fold(simulation, Simulation::nemesis)
}

#[test]
fn a_partition_of_two_loses_and_repeats_nothing() {
    for_each_seed(|seed| {
        let simulation = cluster(seed, 2).nemesis(Partition::halves().every(secs(3)));
        let run = survive(2, 300.0, simulation);
        assert!(run.net().dropped > 0, "the partition never cut anything");
    });
}

/// Of four clients each can have one send on its way when the cut comes, of which nobody knows.
/// Whoever asks later is told within a second that nothing was done; and polls are answered.
#[test]
fn who_cannot_reach_a_leader_is_refused_within_a_second() {
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
fn partitions_of_three_and_five_lose_and_repeat_nothing() {
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
fn one_who_hears_nothing_does_no_harm() {
    for_each_seed(|seed| {
        let simulation = cluster(seed, 3).nemesis(Partition::one_way().every(secs(2)));
        let run = survive(3, 300.0, simulation);
        assert!(run.net().dropped > 0, "the partition never cut anything");
    });
}

/// Who is cut off is replaced: within three seconds everything works for all others, and goes on
/// working.
#[test]
fn a_majority_goes_on_without_a_leader_that_is_cut_off() {
    for_each_seed(|seed| {
        let lonely = (seed.0 % 3) as usize;
        let others: Vec<_> = (0..3).filter(|node| *node != lonely).collect();
        let cut_from = others.clone();
        let simulation = cluster(seed, 3).script(async move |world| {
            sleep(secs(3)).await;
            let cut = world.cut(&[lonely], &cut_from);
            sleep(secs(9)).await;
            drop(cut);
        });
        let run = survive(3, 300.0, simulation);
        assert!(run.net().dropped > 0, "the partition never cut anything");
        assert_all_ok(&run, 3, &others, secs(6), secs(12));
    });
}

#[test]
fn a_majority_goes_on_without_a_leader_that_is_dead() {
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
fn what_was_acknowledged_survives_its_leaders_death() {
    for nodes in [2, 3, 5] {
        for_each_seed(|seed| {
            let run = survive(nodes, 300.0, one_kill_at_a_time(cluster(seed, nodes)));
            assert_eq!(run.kills(), 3);
        });
    }
}

/// A node that wakes up does not know that others have taken its place.
#[test]
fn who_wakes_up_late_does_no_harm() {
    for nodes in [2, 3] {
        for_each_seed(|seed| {
            let simulation = cluster(seed, nodes).nemesis(Pause::one().every(secs(2)));
            let run = survive(nodes, 300.0, simulation);
            assert!(run.pauses() > 0, "nobody was paused");
        });
    }
}

#[test]
fn lost_repeated_and_reordered_messages_change_nothing() {
    for_each_seed(|seed| {
        let simulation = cluster(seed, 3)
            .nemesis(Loss::of(0.1).between(secs(0), secs(14)))
            .nemesis(Duplication::of(0.2).between(secs(0), secs(14)))
            .nemesis(Delays::of(0.2, ms(50)).between(secs(0), secs(14)));
        let run = survive(3, 300.0, simulation);
        let strikes = run.net();
        assert!(strikes.lost > 0 && strikes.duplicated > 0 && strikes.delayed > 0);
        assert!(run.ok_fraction() > 0.98, "{}", run.ok_fraction());
    });
}

/// The most dangerous moment: who was in sync has fallen silent, and the only one who is left dies
/// on taking over, before anybody can join. The silent ones have missed nothing.
#[test]
fn who_dies_on_taking_over_takes_nothing_along() {
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

/// So long are a storm and the calm after it.
const WAVE: Duration = secs(10);

/// Of a wave, so much is stormy. In the rest a node that was killed can get in sync again.
const STORM: Duration = secs(6);

/// Three waves; in each, one node is killed and others are cut off and paused, at any time of the
/// storm and in any order.
fn waves(seed: Seed, simulation: Simulation) -> Simulation {
    let mut rng = seed.stream("waves");
    (0..3).fold(simulation, |simulation, wave| {
        let mut storm = |fault: fn(Duration, Duration) -> Schedule| {
            let mut time = || WAVE * wave + STORM.mul_f64(rng.random());
            let (one, other) = (time(), time());
            fault(one.min(other), one.max(other) + ms(300))
        };
        let kill = storm(|from, to| Kill::one().between(from, to));
        let cut = storm(|from, to| Partition::any().between(from, to));
        let one_way = storm(|from, to| Partition::one_way().between(from, to));
        let pause = storm(|from, to| Pause::one().between(from, to));
        [kill, cut, one_way, pause]
            .into_iter()
            .fold(simulation, Simulation::nemesis)
    })
}

/// The promise: any one node may die, whatever else goes wrong; and the next one, once things have
/// been well for four seconds.
#[test]
fn everything_at_once_loses_and_repeats_nothing() {
    for nodes in [3, 5] {
        for_seeds(10, |seed| {
            let simulation = waves(seed, cluster(seed, nodes))
                .latency(Latency::exponential(ms(10)))
                .nemesis(Loss::of(0.05).every(secs(3)))
                .nemesis(Duplication::of(0.1).every(secs(3)))
                .nemesis(Delays::of(0.1, ms(50)).every(secs(3)));
            let run = survive_for(3 * WAVE + secs(3), nodes, 200.0, simulation);
            assert!(run.kills() == 3 && run.pauses() > 0);
            let strikes = run.net();
            assert!(strikes.lost > 0 && strikes.duplicated > 0 && strikes.delayed > 0);
            assert!(strikes.dropped > 0, "the partition never cut anything");
        });
    }
}

/// Beyond the promise: all who are in sync die at once. What only they had is gone; but they do not
/// come back to give the same offsets to something else. Their shards stay closed.
#[test]
fn who_loses_everything_contradicts_nothing() {
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

/// Messages are missing, and nothing else is wrong.
fn assert_only_lost(run: &Run) {
    assert!(run.failure().is_none());
    let errors: Vec<_> = analysis(run).errors().keys().collect();
    let is_lost = |error: &&ErrorType| matches!(error, ErrorType::LostWrite | ErrorType::Unseen);
    assert!(errors.iter().all(is_lost), "{errors:?}");
    assert_refusals_are_prompt(run);
}

/// With one replica a partition stops only those sends that would have to cross it.
#[test]
fn one_replica_goes_on_in_both_halves_of_a_partition() {
    for_each_seed(|seed| {
        let simulation = cluster_with(one_replica(), seed, 2)
            .nemesis(Partition::halves().between(secs(2), secs(14)));
        let run = survive(2, 300.0, simulation);
        assert!(run.net().dropped > 0, "the partition never cut anything");
        let within = secs(4)..secs(13);
        let sends = super::requests(&run).filter(|(begin, _)| begin.f == "send");
        let during = sends.filter(|(begin, _)| within.contains(&begin.time));
        let ok = during.filter(|(_, end)| end.kind == Kind::Ok).count();
        assert!(ok > 10, "{ok} sends got through");
    });
}

/// With one replica, a leader that dies takes what only it had with it. It does not come back to
/// give the same offsets to something else: the shard stays closed.
#[test]
fn one_replica_may_lose_messages_but_never_gives_an_offset_twice() {
    for_each_seed(|seed| {
        let kill = Kill::one().between(secs(5), secs(6));
        let simulation = cluster_with(one_replica(), seed, 3).nemesis(kill);
        let run = simulation.run(load(3, 300.0));
        assert_eq!(run.kills(), 1);
        assert_only_lost(&run);
    });
}
