//! Faults of every kind: operations stay linearizable, and the cluster recovers afterwards.

use std::collections::VecDeque;
use std::time::Duration;

use eddy::history::Kind;
use eddy::nemesis::{ClockSkew, Delays, Duplication, Fault, Kill, Loss, Partition, Pause, Target};
use eddy::net::Latency;
use eddy::simulation::{Simulation, for_each_seed, ms, secs};
use lin_kv::REQUEST_TIMEOUT;
use raft::Disks;
use rand::seq::SliceRandom;
use tokio::time::sleep;

use crate::cluster::{
    FAULT_FREE_TAIL, SYNC, TIME_LIMIT, answered, assert_recovered, cluster, load, node_of, nodes,
    operations, options, print_figures, run_with_faults,
};

/// Each link is cut in each direction, two at a time.
#[test]
fn one_way_cuts_leave_the_cluster_available() {
    for_each_seed(|seed| {
        let pairs = (0..5).flat_map(|receiver| (0..5).map(move |sender| (receiver, sender)));
        let mut links: Vec<_> = pairs
            .filter(|(receiver, sender)| receiver != sender)
            .collect();
        links.shuffle(&mut seed.stream("links"));
        let pause = (TIME_LIMIT - FAULT_FREE_TAIL) / links.len() as u32;
        let run = cluster(seed, 5, &Disks::new(SYNC))
            .script(async move |world| {
                let mut cuts = VecDeque::new();
                for (receiver, sender) in links {
                    cuts.push_back(world.cut_one_way(&[receiver], &[sender]));
                    if cuts.len() > 2 {
                        cuts.pop_front();
                    }
                    sleep(pause).await;
                }
            })
            .run(load(5));
        print_figures("one-way", &run);
        assert_recovered(&run);
        assert!(run.net().dropped > 20, "{:?}", run.net());
        assert!(answered(&run, Duration::ZERO) > 0.8);
    });
}

#[test]
fn acknowledged_changes_survive_repeated_kills_of_a_minority() {
    for count in [3, 5] {
        for_each_seed(|seed| {
            let kills = Kill::of(Target::Minority).every(secs(2));
            let run = run_with_faults(seed, count, vec![kills]);
            print_figures(&format!("kill, {count} nodes"), &run);
            assert!(run.kills() > 0, "no node was killed");
            assert!(answered(&run, Duration::ZERO) > 0.7);
        });
    }
}

#[test]
fn paused_leader_serves_no_stale_reads() {
    for_each_seed(|seed| {
        let run = run_with_faults(seed, 3, vec![Pause::of(Target::Minority).every(secs(2))]);
        print_figures("pause", &run);
        assert!(run.pauses() > 0, "no node was paused");
        assert!(answered(&run, Duration::ZERO) > 0.6);
    });
}

#[test]
fn lost_duplicated_and_delayed_messages_are_tolerated() {
    for_each_seed(|seed| {
        let faults = vec![
            Loss::of(0.1).always(),
            Duplication::of(0.1).always(),
            Delays::of(0.1, ms(300)).always(),
        ];
        let run = run_with_faults(seed, 5, faults);
        print_figures("loss, duplication, delays", &run);
        let net = run.net();
        for count in [net.lost, net.duplicated, net.delayed] {
            assert!(count > 100, "{net:?}");
        }
        assert!(answered(&run, Duration::ZERO) > 0.85);
    });
}

/// Nothing depends on wall clocks, so every operation is answered.
#[test]
fn clock_skew_has_no_effect() {
    for_each_seed(|seed| {
        let run = run_with_faults(seed, 3, vec![ClockSkew::up_to_ms(5_000).every(secs(2))]);
        let bumps = run.history().iter().filter(|op| op.f == "bump-clock");
        assert!(bumps.count() > 0, "the clocks were never set");
        assert_eq!(answered(&run, secs(1)), 1.0);
    });
}

/// All faults at once, with logs so short that servers need snapshots to catch up.
#[test]
fn all_faults_at_once_preserve_linearizability() {
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
        print_figures("everything", &run);
        assert_recovered(&run);
    });
    // In a few runs no fault of a kind may have had an effect.
    if total.runs >= 5 {
        let of_network = [total.dropped, total.lost, total.duplicated, total.delayed];
        let counts = of_network.into_iter().chain([total.kills, total.pauses]);
        assert!(
            counts.min() > Some(0),
            "a fault never had an effect: {total}"
        );
    }
}

/// A node without a leader fails operations before the client's timeout and with a definite error, so
/// the client may retry elsewhere.
#[test]
fn isolated_node_fails_operations_definitely_and_in_time() {
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
        // Before that, requests to its leader may or may not have arrived.
        let noticed = cut_at + REQUEST_TIMEOUT;
        let mut refused = 0;
        for (invocation, completion) in operations(&run) {
            if node_of(invocation, 3) == 2 && invocation.time > noticed {
                assert_eq!(completion.kind, Kind::Fail, "{completion:?}");
                let latency = completion.time - invocation.time;
                assert!(latency < secs(1), "{completion:?}");
                refused += 1;
            }
        }
        assert!(refused > 50, "too few operations met the cut: {refused}");
        assert!(run.net().dropped > 0);
    });
}
