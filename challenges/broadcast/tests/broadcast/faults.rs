//! What broadcast survives, and how soon it recovers. Safety while faults last is part of every
//! verdict: no read may ever miss a value that it should show.

use broadcast::Windows;
use eddy::nemesis::{
    Delays, Duplication, Fault, Kill, Loss, Partition, PartitionKind, Pause, Target,
};
use eddy::simulation::{for_each_seed, secs};
use tokio::time::sleep;

use crate::rig::{acknowledged, assert_whole_after, cluster, load, reads};

const KINDS: [PartitionKind; 5] = [
    PartitionKind::One,
    PartitionKind::MinorityThird,
    PartitionKind::Majority,
    PartitionKind::MajoritiesRing,
    PartitionKind::OneWay,
];

#[test]
fn two_seconds_after_any_partition_everybody_knows_everything() {
    for windows in [Windows::frugal(), Windows::balanced()] {
        for kind in KINDS {
            for_each_seed(|seed| {
                let run = cluster(seed, 25, windows)
                    .nemesis(Partition::of([kind]).between(secs(4), secs(12)))
                    .run(load());
                run.assert_valid();
                assert_whole_after(&run, 25, secs(12), secs(2));
                // One pair of nodes that are not hubs may have nothing to say to each other.
                let cut = run.net().dropped > 0 || kind == PartitionKind::OneWay;
                assert!(cut, "the partition never cut anything");
            });
        }
    }
}

/// Five nodes in a ring hear only their neighbours, and some of them only one way.
#[test]
fn a_small_ring_converges_after_the_heal() {
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

/// Neither side waits for the other: each finds a hub of its own, and goes on.
#[test]
fn each_side_of_a_partition_goes_on_by_itself() {
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
        // Given five seconds to notice, and two to deliver.
        let values = acknowledged(&run, 25);
        let amid = values
            .iter()
            .filter(|value| value.at > secs(9) && value.at < secs(13));
        let reads = reads(&run, 25);
        for value in amid {
            let mut here = reads.iter().filter(|read| {
                (read.node < SIDE) == (value.node < SIDE) && read.at > value.at + secs(2)
            });
            let missing = here.find(|read| !read.values.contains(&value.value));
            let missing = missing.map(|read| (read.node, read.at));
            assert_eq!(missing, None, "{value:?} stayed where it was");
        }
    });
}

#[test]
fn loss_duplication_and_reordering_are_repaired() {
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
fn a_paused_hub_is_replaced_and_catches_up() {
    for_each_seed(|seed| {
        let run = cluster(seed, 25, Windows::balanced())
            .nemesis(Pause::of(Target::Node(0)).between(secs(4), secs(12)))
            .run(load());
        run.assert_valid();
        assert!(run.pauses() > 0, "the hub was never paused");
        assert_whole_after(&run, 25, secs(12), secs(2));
        // Amid the pause the others know each other's values.
        let values = acknowledged(&run, 25);
        let amid = values
            .iter()
            .filter(|it| it.node > 0 && it.at > secs(7) && it.at < secs(9));
        let reads = reads(&run, 25);
        for value in amid {
            let mut others = reads.iter().filter(|read| read.node > 0);
            let seen = others
                .all(|read| read.at < value.at + secs(2) || read.values.contains(&value.value));
            assert!(seen, "{value:?} waited for the hub");
        }
    });
}

/// A killed node has forgotten everything. What others hold it learns again; a value that only it
/// held is gone, which is what an acknowledgement by a single node is worth.
#[test]
fn a_node_that_was_killed_learns_everything_again() {
    for target in [Target::Node(0), Target::Node(7)] {
        for_each_seed(|seed| {
            let (killed, back) = (secs(6), secs(9));
            let run = cluster(seed, 25, Windows::balanced())
                .nemesis(Kill::of(target).between(killed, back))
                .run(load());
            assert!(run.failure().is_none(), "{:?}", run.failure());
            assert!(run.kills() > 0, "nobody was killed");
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
