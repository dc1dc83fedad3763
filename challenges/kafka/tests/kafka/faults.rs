//! When things go wrong: what was acknowledged stays, in its order and once; what is refused never
//! happened; and it works again when things are well.

use eddy::check::kafka::ErrorType;
use eddy::nemesis::{
    Delays, Duplication, Fault, Kill, Loss, Partition, PartitionKind, Pause, Schedule, Target,
};
use eddy::net::Latency;
use eddy::simulation::{Run, Simulation, for_each_seed, for_seeds, ms, secs};
use tokio::time::sleep;

use super::{
    analysis, assert_all_ok, assert_refusals_are_prompt, cluster, cluster_with, load, one_replica,
};

/// A run of 20 s, of which the last 6 are without faults: it is valid, and ends well.
fn survive(nodes: usize, rate: f64, simulation: Simulation) -> Run {
    let run = simulation.run(load(nodes, rate).calm(secs(6)));
    run.assert_valid();
    if run.pauses() == 0 {
        assert_refusals_are_prompt(&run);
    }
    let everybody: Vec<_> = (0..nodes).collect();
    assert_all_ok(&run, nodes, &everybody, secs(17), secs(20));
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
            .nemesis(Loss::of(0.1).always())
            .nemesis(Duplication::of(0.2).always())
            .nemesis(Delays::of(0.2, ms(50)).always());
        let run = survive(3, 300.0, simulation);
        let strikes = run.net();
        assert!(strikes.lost > 0 && strikes.duplicated > 0 && strikes.delayed > 0);
        assert!(run.ok_fraction() > 0.98, "{}", run.ok_fraction());
    });
}

#[test]
fn everything_at_once_loses_and_repeats_nothing() {
    for nodes in [3, 5] {
        for_seeds(20, |seed| {
            let simulation = one_kill_at_a_time(cluster(seed, nodes))
                .latency(Latency::exponential(ms(10)))
                .nemesis(Loss::of(0.05).every(secs(3)))
                .nemesis(Duplication::of(0.1).every(secs(3)))
                .nemesis(Partition::any().every(secs(2)))
                .nemesis(Pause::one().every(secs(4)));
            let run = survive(nodes, 200.0, simulation);
            assert!(run.kills() == 3 && run.pauses() > 0);
            assert!(run.net().lost > 0 && run.net().duplicated > 0);
        });
    }
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
        let ok = during
            .filter(|(_, end)| end.kind == eddy::history::Kind::Ok)
            .count();
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
        assert!(run.failure().is_none());
        assert_eq!(run.kills(), 1);
        for error in analysis(&run).errors().keys() {
            assert!(
                matches!(error, ErrorType::LostWrite | ErrorType::Unseen),
                "{error:?}"
            );
        }
        assert_refusals_are_prompt(&run);
    });
}
