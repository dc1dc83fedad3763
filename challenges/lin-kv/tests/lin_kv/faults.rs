//! Every kind of fault: nothing is seen that a single copy would not show, and once it is over,
//! everything works again.

use std::collections::VecDeque;
use std::time::Duration;

use eddy::history::Kind;
use eddy::nemesis::{ClockSkew, Delays, Duplication, Fault, Kill, Loss, Partition, Pause, Target};
use eddy::net::Latency;
use eddy::simulation::{Simulation, for_each_seed, ms, secs};
use lin_kv::PATIENCE;
use raft::Disks;
use rand::seq::SliceRandom;
use tokio::time::sleep;

use crate::cluster::{
    CALM, LASTING, SYNC, answered, assert_recovered, cluster, load, node_of, nodes, operations,
    options, survives, tell,
};

/// Each link has its turn, in both directions, and two at a time are cut.
#[test]
fn links_may_work_in_one_direction_only() {
    for_each_seed(|seed| {
        let pairs = (0..5).flat_map(|deaf| (0..5).map(move |mute| (deaf, mute)));
        let mut links: Vec<_> = pairs.filter(|(deaf, mute)| deaf != mute).collect();
        links.shuffle(&mut seed.stream("links"));
        let pause = (LASTING - CALM) / links.len() as u32;
        let run = cluster(seed, 5, &Disks::new(SYNC))
            .script(async move |world| {
                let mut cuts = VecDeque::new();
                for (deaf, mute) in links {
                    cuts.push_back(world.cut_one_way(&[deaf], &[mute]));
                    if cuts.len() > 2 {
                        cuts.pop_front();
                    }
                    sleep(pause).await;
                }
            })
            .run(load(5));
        tell("one-way", &run);
        assert_recovered(&run);
        assert!(run.net().dropped > 20, "{:?}", run.net());
        assert!(answered(&run, Duration::ZERO) > 0.8);
    });
}

#[test]
fn what_was_acknowledged_survives_the_death_of_a_minority_again_and_again() {
    for count in [3, 5] {
        for_each_seed(|seed| {
            let kills = Kill::of(Target::Minority).every(secs(2));
            let run = survives(seed, count, vec![kills]);
            tell(&format!("kill, {count} nodes"), &run);
            assert!(run.kills() > 0, "nobody was killed");
            assert!(answered(&run, Duration::ZERO) > 0.7);
        });
    }
}

#[test]
fn a_leader_that_slept_serves_nothing_from_before() {
    for_each_seed(|seed| {
        let run = survives(seed, 3, vec![Pause::of(Target::Minority).every(secs(2))]);
        tell("pause", &run);
        assert!(run.pauses() > 0, "nobody was paused");
        assert!(answered(&run, Duration::ZERO) > 0.6);
    });
}

#[test]
fn messages_may_be_lost_doubled_and_late() {
    for_each_seed(|seed| {
        let faults = vec![
            Loss::of(0.1).always(),
            Duplication::of(0.1).always(),
            Delays::of(0.1, ms(300)).always(),
        ];
        let run = survives(seed, 5, faults);
        tell("loss, duplication, delays", &run);
        let net = run.net();
        for count in [net.lost, net.duplicated, net.delayed] {
            assert!(count > 100, "{net:?}");
        }
        assert!(answered(&run, Duration::ZERO) > 0.85);
    });
}

/// Nothing depends on wall clocks, so nothing at all is to be noticed.
#[test]
fn clocks_may_disagree_by_seconds() {
    for_each_seed(|seed| {
        let run = survives(seed, 3, vec![ClockSkew::up_to_ms(5_000).every(secs(2))]);
        let bumps = run.history().iter().filter(|op| op.f == "bump-clock");
        assert!(bumps.count() > 0, "the clocks were never set");
        assert_eq!(answered(&run, secs(1)), 1.0);
    });
}

/// Everything at once, with logs so short that servers need snapshots to catch up.
#[test]
fn all_of_it_at_once_is_survived() {
    let total = for_each_seed(|seed| {
        let disks = Disks::new(SYNC);
        let mut options = options();
        options.log_bytes_min = 10_000;
        options.raft.message_bytes_max = 1_000;
        let run = Simulation::new(seed)
            .nodes(5, nodes(&disks, options))
            .latency(Latency::exponential(ms(10)))
            .nemesis(Kill::of(Target::Minority).every(secs(2)))
            .nemesis(Pause::one().every(secs(2)))
            .nemesis(Partition::one_way().every(secs(2)))
            .nemesis(Partition::any().every(secs(3)))
            .nemesis(ClockSkew::up_to_ms(1_000).every(secs(3)))
            .nemesis(Loss::of(0.05).always())
            .nemesis(Duplication::of(0.05).always())
            .nemesis(Delays::of(0.05, ms(500)).always())
            .run(load(5));
        tell("everything", &run);
        assert_recovered(&run);
        let net = run.net();
        for count in [net.dropped, net.lost, net.duplicated, net.delayed] {
            assert!(count > 0, "{net:?}");
        }
    });
    // On a single seed chance may spare everybody.
    assert!(
        total.kills > 0 && total.pauses > 0,
        "nobody was struck: {total}"
    );
}

/// A minority without a leader says so in time, and definitely: such an operation has not happened
/// and never will, so the client may go elsewhere.
#[test]
fn a_node_that_is_cut_off_fails_definitely_and_in_time() {
    for_each_seed(|seed| {
        let cut_at = secs(5);
        let run = cluster(seed, 3, &Disks::new(SYNC))
            .script(async move |world| {
                sleep(cut_at).await;
                let _cut = world.cut(&[2], &[0, 1]);
                std::future::pending().await
            })
            .run(load(3));
        run.assert_valid();
        // Until then what it asked of its leader may have arrived, or not.
        let noticed = cut_at + PATIENCE;
        let mut refused = 0;
        for (invocation, completion) in operations(&run) {
            if node_of(invocation, 3) == 2 && invocation.time > noticed {
                assert_eq!(completion.kind, Kind::Fail, "{completion:?}");
                let latency = completion.time - invocation.time;
                assert!(latency < secs(1), "{completion:?}");
                refused += 1;
            }
        }
        assert!(refused > 50, "few operations met the cut: {refused}");
        assert!(run.net().dropped > 0);
    });
}
