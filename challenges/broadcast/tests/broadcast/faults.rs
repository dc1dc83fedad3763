//! Faults that broadcast survives, and how soon it recovers. Safety during the faults is part of
//! every verdict: no read may miss a value that it has to show.

use broadcast::Windows;
use eddy::nemesis::{
    Delays, Duplication, Fault, Kill, Loss, Partition, PartitionKind, Pause, Target,
};
use eddy::simulation::{for_each_seed, for_seeds, ms, secs};
use tokio::time::sleep;

use crate::delivery::DeliveryTimes;
use crate::rig::{acknowledged, assert_whole_after, cluster, load, reads};

const KINDS: [PartitionKind; 5] = [
    PartitionKind::One,
    PartitionKind::MinorityThird,
    PartitionKind::Majority,
    PartitionKind::MajoritiesRing,
    PartitionKind::OneWay,
];

#[test]
fn partition_of_any_kind_is_caught_up_within_two_seconds_of_its_heal() {
    for windows in [Windows::frugal(), Windows::balanced()] {
        for kind in KINDS {
            for_seeds(2, |seed| {
                let run = cluster(seed, 25, windows)
                    .nemesis(Partition::of([kind]).between(secs(4), secs(12)))
                    .record_all_messages()
                    .run(load());
                run.assert_valid();
                let times = DeliveryTimes::of(&run, 25);
                let caught_up = times.last_after(secs(12));
                assert!(caught_up < secs(2), "{kind:?}: {caught_up:?}");
                // After that the cluster delivers as fast as before.
                let max = times.since(secs(14)).max();
                assert!(max < windows.round + ms(215), "{kind:?}: {max:?}");
                // A pair of nodes that are no hubs may exchange no messages, so cutting it may drop
                // none.
                let cut = run.net().dropped > 0 || kind == PartitionKind::OneWay;
                assert!(cut, "the partition never cut anything");
            });
        }
    }
}

/// In this ring of five, nodes receive messages only from their neighbours, and over some links in
/// one direction only.
#[test]
fn small_ring_converges_after_its_heal() {
    for count in [3, 5] {
        for_each_seed(|seed| {
            let ring = Partition::of([PartitionKind::MajoritiesRing]);
            let run = cluster(seed, count, Windows::balanced())
                .nemesis(ring.between(secs(4), secs(12)))
                .run(load());
            run.assert_valid();
            assert!(run.net().dropped > 0, "the ring never cut anything");
            assert_whole_after(&run, count, secs(12), secs(2));
        });
    }
}

/// Neither side waits for the other; each chooses a hub of its own.
#[test]
fn each_side_of_a_partition_delivers_its_own_values() {
    const SIDE: usize = 12;
    for_each_seed(|seed| {
        let run = cluster(seed, 25, Windows::balanced())
            .script(|world| async move {
                sleep(secs(4)).await;
                let left: Vec<usize> = (0..SIDE).collect();
                let right: Vec<usize> = (SIDE..25).collect();
                let cut = world.cut(&left, &right);
                sleep(secs(12)).await;
                drop(cut);
            })
            .run(load());
        run.assert_valid();
        assert!(run.net().dropped > 0, "the partition never cut anything");
        // Each side has five seconds to notice, and two to deliver.
        let values = acknowledged(&run, 25);
        let during = values
            .iter()
            .filter(|value| value.at > secs(9) && value.at < secs(13));
        let reads = reads(&run, 25);
        for value in during {
            let mut here = reads.iter().filter(|read| {
                (read.node < SIDE) == (value.node < SIDE) && read.at > value.at + secs(2)
            });
            let missing = here.find(|read| !read.values.contains(&value.value));
            let missing = missing.map(|read| (read.node, read.at));
            assert_eq!(missing, None, "{value:?} did not reach its side");
        }
    });
}

#[test]
fn lost_duplicated_and_reordered_messages_are_repaired() {
    for_each_seed(|seed| {
        let run = cluster(seed, 25, Windows::balanced())
            .nemesis(Loss::of(0.1).always())
            .nemesis(Duplication::of(0.1).always())
            .nemesis(Delays::of(0.2, secs(1)).always())
            .run(load());
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        let net = run.net();
        assert!(
            net.lost > 0 && net.duplicated > 0 && net.delayed > 0,
            "{net:?}"
        );
    });
}

#[test]
fn paused_hub_is_replaced_and_catches_up() {
    for_each_seed(|seed| {
        let run = cluster(seed, 25, Windows::balanced())
            .nemesis(Pause::of(Target::Node(0)).between(secs(4), secs(12)))
            .run(load());
        run.assert_valid();
        assert!(run.pauses() > 0, "the hub was never paused");
        assert_whole_after(&run, 25, secs(12), secs(2));
        // During the pause, the others deliver to each other.
        let values = acknowledged(&run, 25);
        let during = values
            .iter()
            .filter(|it| it.node > 0 && it.at > secs(7) && it.at < secs(9));
        let reads = reads(&run, 25);
        for value in during {
            let mut others = reads.iter().filter(|read| read.node > 0);
            let seen = others
                .all(|read| read.at < value.at + secs(2) || read.values.contains(&value.value));
            assert!(seen, "{value:?} waited for the hub");
        }
    });
}

/// A killed node loses all its values and receives again those that others hold. A value that only it
/// held is lost, because an acknowledgement comes from a single node.
#[test]
fn restarted_node_receives_the_full_state() {
    for target in [Target::Node(0), Target::Node(7)] {
        for_each_seed(|seed| {
            let (killed, back) = (secs(6), secs(9));
            let run = cluster(seed, 25, Windows::balanced())
                .nemesis(Kill::of(target).between(killed, back))
                .run(load());
            assert!(run.failure().is_none(), "{:?}", run.failure());
            assert!(run.kills() > 0, "no node was killed");
            let Target::Node(victim) = target else {
                unreachable!("the targets are nodes")
            };
            let values = acknowledged(&run, 25);
            let kept = values.iter().filter(|value| {
                value.at < back && (value.node != victim || value.at + secs(2) < killed)
            });
            let kept: Vec<_> = kept.collect();
            for read in reads(&run, 25).iter().filter(|it| it.at > back + secs(3)) {
                let missing = kept
                    .iter()
                    .find(|value| !read.values.contains(&value.value));
                assert!(missing.is_none(), "n{} misses {missing:?}", read.node);
            }
        });
    }
}
