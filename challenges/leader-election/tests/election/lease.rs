//! Tests of the lease strategy under each fault: never two leaders, and one in the end.

use eddy::nemesis::{
    ClockSkew, Delays, Duplication, Fault, Kill, Loss, Partition, PartitionKind, Pause, Schedule,
    Target,
};
use eddy::simulation::{Run, for_seeds, ms, secs};

use crate::cluster::{LatestClaim, LeaderFault, OfLeader, Strategy, analysis, cluster, load};

/// Default number of seeds of each scenario; `EDDY_SEEDS` overrides it.
const SEEDS: u64 = 4;

/// Runs five nodes under faults and asserts that the run is valid: at most one leader at a time,
/// and the same leader for all nodes in the end.
fn survives(faults: impl Fn(&LatestClaim) -> Vec<Schedule> + Sync, has_hit: fn(&Run) -> bool) {
    for_seeds(SEEDS, |seed| {
        let (simulation, claim) = cluster(seed, Strategy::Lease, 5);
        let faults = faults(&claim).into_iter();
        let run = faults
            .fold(simulation, |simulation, fault| simulation.nemesis(fault))
            .run(load(5));
        run.assert_valid();
        assert_eq!(analysis(&run).split_brain(), ms(0));
        assert_eq!(run.protocol_violations(), 0);
        assert!(has_hit(&run), "the fault has not occurred");
    });
}

#[test]
fn quiet_cluster_keeps_its_first_leader() {
    for_seeds(SEEDS, |seed| {
        for count in [1, 2, 3, 5] {
            let (simulation, _) = cluster(seed, Strategy::Lease, count);
            let run = simulation.run(load(count));
            run.assert_valid();
            assert_eq!(analysis(&run).tenures().len(), 1);
            assert!(analysis(&run).leaderless() < ms(300));
        }
    });
}

#[test]
fn killed_leader_is_replaced() {
    survives(
        |claim| vec![OfLeader::new(LeaderFault::Kill, claim).every(secs(2))],
        |run| run.kills() > 0 && analysis(run).tenures().len() > 2,
    );
}

#[test]
fn paused_leader_does_not_claim_to_lead_after_its_successor() {
    survives(
        |claim| vec![OfLeader::new(LeaderFault::Pause, claim).every(secs(2))],
        |run| run.pauses() > 0 && analysis(run).tenures().len() > 2,
    );
}

#[test]
fn isolated_leader_stops_before_its_successor_begins() {
    survives(
        |claim| vec![OfLeader::new(LeaderFault::Cut, claim).every(secs(2))],
        |run| run.net().dropped > 0 && analysis(run).tenures().len() > 2,
    );
}

#[test]
fn partitions_of_every_kind_give_at_most_one_leader() {
    let kinds = [
        PartitionKind::One,
        PartitionKind::MinorityThird,
        PartitionKind::Majority,
        PartitionKind::MajoritiesRing,
    ];
    for kind in kinds {
        survives(
            move |_| vec![Partition::of([kind]).every(secs(2))],
            |run| run.net().dropped > 0,
        );
    }
}

#[test]
fn one_way_cuts_give_at_most_one_leader() {
    survives(
        |_| {
            let one_way = || Partition::one_way().every(secs(2));
            vec![one_way(), one_way(), one_way()]
        },
        |run| run.net().dropped > 0,
    );
}

#[test]
fn lost_repeated_and_reordered_messages_give_at_most_one_leader() {
    survives(
        |_| {
            vec![
                Loss::of(0.2).always(),
                Duplication::of(0.2).always(),
                Delays::of(0.2, secs(2)).always(),
            ]
        },
        |run| run.net().lost > 0 && run.net().duplicated > 0 && run.net().delayed > 0,
    );
}

#[test]
fn restarted_voters_keep_their_promises() {
    survives(
        |_| vec![Kill::of(Target::Minority).every(ms(700))],
        |run| run.kills() > 3,
    );
}

#[test]
fn wall_clock_steps_of_hours_have_no_effect() {
    survives(
        |_| {
            vec![
                ClockSkew::up_to_ms(10 * 3_600_000).every(ms(500)),
                Pause::of(Target::Minority).every(secs(1)),
            ]
        },
        |run| run.pauses() > 0,
    );
}
