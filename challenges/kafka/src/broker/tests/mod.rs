//! Brokers without a runtime: every message between them, and every answer of lin-kv, is lost,
//! repeated, held back or overtaken as the dice fall, much more often than on any real network.

mod verdict;
mod world;

use world::World;

/// How bad things are.
#[derive(Clone, Copy, Default)]
struct Weather {
    loss: f64,
    duplication: f64,
    delay_max_ms: u64,
    /// Per millisecond: that somebody is cut off, or that all are connected again.
    cuts: f64,
    heals: f64,
    /// Per millisecond: that a node is killed.
    kills: f64,
}

const STORM: Weather = Weather {
    loss: 0.1,
    duplication: 0.2,
    delay_max_ms: 60,
    cuts: 0.0004,
    heals: 0.0008,
    kills: 0.0004,
};

fn storms(nodes: usize, replicas: usize) {
    let (mut kills, mut changes) = (0, 0);
    // As in simulations, `EDDY_SEEDS=1000` widens.
    let seeds = std::env::var("EDDY_SEEDS").map(|count| count.parse());
    for seed in 0..seeds.unwrap_or(Ok(20)).expect("EDDY_SEEDS is a number") {
        eprintln!("seed {seed}");
        let mut world = World::new(seed, nodes, replicas, STORM);
        for _ in 0..20_000 {
            world.step(0.01);
        }
        world.calm_down();
        kills += world.kills;
        changes += world.changes;
    }
    assert!(kills > 20, "nodes were killed {kills} times");
    assert!(changes > 40, "leaderships changed {changes} times");
}

#[test]
fn two_brokers_agree_in_any_weather_and_lose_nothing() {
    storms(2, 2);
}

#[test]
fn three_brokers_agree_in_any_weather_and_lose_nothing() {
    storms(3, 3);
}

#[test]
fn two_replicas_and_a_spare_agree_in_any_weather_and_lose_nothing() {
    storms(3, 2);
}

#[test]
fn five_brokers_with_three_replicas_agree_in_any_weather_and_lose_nothing() {
    storms(5, 3);
}
