//! Tests of the two classics under faults that their authors exclude: both have two leaders at
//! once.

use eddy::check::Verdict;
use eddy::nemesis::Fault;
use eddy::simulation::{ms, secs};

use crate::cluster::{LeaderFault, OfLeader, Strategy, analysis, cluster, load};

/// Returns whether a run from one of a few seeds has two leaders at once when this fault hits the
/// leader of three nodes for three seconds. Prints the checker's explanation.
fn splits(strategy: Strategy, fault: LeaderFault) -> bool {
    (0..5).any(|seed| {
        let (simulation, claim) = cluster(seed.into(), strategy, 3);
        let run = simulation
            .nemesis(OfLeader::new(fault, &claim).between(secs(2), secs(5)))
            .run(
                load(3)
                    .rate(30.0)
                    .time_limit(secs(6))
                    .fault_free_tail(secs(1)),
            );
        assert!(run.failure().is_none(), "{:?}", run.failure());
        let explanation = run.results().explanation().unwrap_or_default();
        eprintln!("{strategy:?}, seed {seed}:\n{explanation}\n");
        let is_split = analysis(&run).split_brain() > ms(0);
        is_split && run.verdict() == Verdict::Invalid
    })
}

#[test]
fn quiet_cluster_agrees_on_one_leader() {
    for strategy in [Strategy::Bully, Strategy::FirstLive] {
        for count in [1, 2, 3, 5] {
            let (simulation, _) = cluster(1.into(), strategy, count);
            let run = simulation.run(load(count));
            run.assert_valid();
            assert_eq!(analysis(&run).split_brain(), ms(0));
        }
    }
}

#[test]
fn crashed_leader_is_replaced() {
    for strategy in [Strategy::Bully, Strategy::FirstLive] {
        let (simulation, claim) = cluster(1.into(), strategy, 5);
        let kill = OfLeader::new(LeaderFault::Kill, &claim).between(secs(5), secs(10));
        let run = simulation.nemesis(kill).run(load(5));
        run.assert_valid();
        assert!(!analysis(&run).failovers().is_empty());
    }
}

#[test]
fn bully_has_two_leaders_when_its_coordinator_is_cut_off() {
    assert!(splits(Strategy::Bully, LeaderFault::Cut));
}

#[test]
fn first_live_has_two_leaders_when_the_first_node_is_cut_off_or_paused() {
    assert!(splits(Strategy::FirstLive, LeaderFault::Cut));
    assert!(splits(Strategy::FirstLive, LeaderFault::Pause));
}
