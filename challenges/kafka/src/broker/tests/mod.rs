//! Brokers without a runtime, in a random world.
//!
//! Every message between brokers and every reply of lin-kv may be lost, duplicated, delayed and
//! reordered, far more often than on a real network; nodes are cut off and killed. [`world`] holds
//! the brokers and moves time, [`faults`] disturbs them, [`checks`] states what must hold.

mod checks;
mod faults;
mod proposals;
mod world;

use faults::FaultRates;
use world::{Counts, World};

const FAULTS: FaultRates = FaultRates {
    loss: 0.1,
    duplication: 0.2,
    delay_max_ms: 60,
    late: 0.01,
    cuts: 0.0004,
    heals: 0.0008,
    kills: 0.0004,
    leader_kills: 0.3,
    lin_kv_errors: 0.05,
};

/// Many nodes join and many messages are late, so that batches from before a join arrive after it.
const JOIN_FAULTS: FaultRates = FaultRates {
    loss: 0.2,
    late: 0.1,
    cuts: 0.0,
    heals: 0.0004,
    kills: 0.0008,
    leader_kills: 0.9,
    ..FAULTS
};

/// Simulated milliseconds with faults.
const FAULT_PERIOD_MS: u64 = 20_000;

/// Runs the brokers with faults and then without, for each seed. `EDDY_SEEDS=1000` widens the range
/// of seeds, as in simulations.
fn assert_replicas_agree(
    first_seed: u64,
    nodes: usize,
    replicas: usize,
    rates: FaultRates,
    send_rate: f64,
) {
    let seeds = std::env::var("EDDY_SEEDS").map(|count| count.parse::<u64>());
    let mut total = Counts::default();
    let count = seeds.unwrap_or(Ok(10)).expect("EDDY_SEEDS is a number");
    for seed in first_seed..first_seed + count {
        eprintln!("seed {seed}");
        let mut world = World::new(seed, nodes, replicas, rates);
        for _ in 0..FAULT_PERIOD_MS {
            world.step(send_rate);
        }
        world.assert_converges();
        total += world.counts;
    }
    eprintln!("{total:?}");
    assert!(total.kills > 10, "{total:?}");
    assert!(total.changes > 20, "{total:?}");
    // Only where a third node can join a pair can a batch arrive after one that announces a join.
    if replicas > 2 {
        assert!(total.joins > 10, "{total:?}");
        assert!(total.overtaken_by_join > 0, "{total:?}");
    }
}

#[test]
fn two_replicas_agree_under_random_faults() {
    assert_replicas_agree(0, 2, 2, FAULTS, 0.01);
}

#[test]
fn three_replicas_agree_under_random_faults() {
    assert_replicas_agree(0, 3, 3, FAULTS, 0.01);
}

#[test]
fn two_replicas_and_a_spare_agree_under_random_faults() {
    assert_replicas_agree(0, 3, 2, FAULTS, 0.01);
}

#[test]
fn three_of_five_replicas_agree_under_random_faults() {
    assert_replicas_agree(0, 5, 3, FAULTS, 0.01);
}

/// A follower that commits its whole journal instead of what a batch proves fails on seed 189.
#[test]
fn three_replicas_agree_while_late_batches_cross_joins() {
    assert_replicas_agree(180, 3, 3, JOIN_FAULTS, 0.05);
}
