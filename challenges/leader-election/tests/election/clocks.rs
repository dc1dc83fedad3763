//! Tests with monotonic clocks at different rates: up to 1 % apart there is one leader; far beyond,
//! there are two.

use eddy::nemesis::Fault;
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Run, Simulation, for_seeds, ms, secs};
use leader_election::Timing;

use crate::cluster::{
    LatestClaim, LeaderFault, LeaseOptions, OfLeader, Strategy, analysis, load, nodes,
};

/// Runs nodes of which the first has a clock that is slow by this factor, so its leases are too
/// long. It leads first and is cut off later. Elections take no time, so nothing hides an overlap.
fn run(seed: Seed, factor: f64) -> Run {
    let claim = LatestClaim::default();
    let timing = Timing {
        stagger: ms(1),
        ..Timing::default()
    };
    let options = LeaseOptions {
        timing,
        disks: raft::Disks::default(),
        clock_rates: vec![1.0 / factor],
    };
    let cut = OfLeader::new(LeaderFault::Cut, &claim).between(secs(2), secs(6));
    Simulation::new(seed)
        .nodes(3, nodes(Strategy::Lease, options, &claim))
        .latency(Latency::constant(ms(0)))
        .nemesis(cut)
        .run(load(3).rate(3000.0).time_limit(secs(8)))
}

#[test]
fn clocks_that_run_one_percent_apart_give_one_leader() {
    for_seeds(3, |seed| {
        for factor in [1.01, 1.0 / 1.01] {
            let run = run(seed, factor);
            run.assert_valid();
            assert!(analysis(&run).tenures().len() > 1, "no leader was replaced");
        }
    });
}

#[test]
fn clocks_that_run_thirty_percent_apart_give_two_leaders() {
    let split = (0..3).any(|seed| analysis(&run(seed.into(), 1.3)).split_brain() > ms(100));
    assert!(split, "three seeds had one leader each");
}
