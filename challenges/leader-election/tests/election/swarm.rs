//! The lease strategy under faults drawn from a seed.

use eddy::simulation::{Configuration, Run, Swarm, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use leader_election::Timing;
use raft::Disks;

use crate::cluster::{LatestClaim, LeaseOptions, Strategy, analysis, nodes};

fn swarm() -> Swarm {
    Swarm::of(workload::LeaderElection)
        .nodes(1..=7)
        .latency_up_to(ms(20))
        .time_limit(secs(15), secs(4))
}

/// Runs a drawn configuration. Disks lose unsynced bytes, and clock rates differ by up to 1 %.
fn run(drawn: &Configuration) -> Run {
    let mut rng = drawn.rng();
    let sync = ms(rng.random_range(0..10));
    let clock_rates: Vec<f64> = (0..drawn.nodes)
        .map(|_| rng.random_range(1.0..=1.01))
        .collect();
    let options = LeaseOptions {
        timing: Timing::default(),
        disks: Disks::new(sync),
        clock_rates,
    };
    let note = format!("syncs of {sync:?}, clocks at {:.4?}", options.clock_rates);
    let nodes = nodes(Strategy::Lease, options, &LatestClaim::default());
    let simulation = drawn.simulation().nodes(drawn.nodes, nodes).note(note);
    simulation.run(drawn.load())
}

#[test]
fn random_faults_give_at_most_one_leader() {
    swarm().for_each(10, |drawn| {
        let run = run(drawn);
        run.assert_valid();
        assert_eq!(analysis(&run).split_brain(), ms(0));
    });
}

#[test]
fn same_seed_gives_same_messages() {
    swarm().assert_repeatable(2, run);
}
