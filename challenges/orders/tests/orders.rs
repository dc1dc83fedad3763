//! The shop under faults: nothing is oversold, lost, or decided twice.

use eddy::nemesis::{Fault, Kill, Partition, Pause};
use eddy::net::Latency;
use eddy::simulation::{Load, Run, Simulation, Swarm, for_each_seed, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use orders::{Options, Orders};
use raft::Disks;

fn simulation(seed: u64) -> Simulation {
    let disks = Disks::new(ms(1));
    let make = move |cx: &Context| {
        let disk = disks.open(cx.id(), &mut cx.rng());
        Orders::sharded(cx, disk, Options::default())
    };
    Simulation::new(seed)
        .nodes(5, make)
        .latency(Latency::exponential(ms(10)))
}

fn load() -> Load {
    Load::of(workload::Orders)
        .rate(100.0)
        .concurrency(20)
        .time_limit(secs(15))
}

#[test]
fn quiet_cluster_serves_every_request() {
    for_each_seed(|seed| {
        let run = simulation(seed).run(load());
        run.assert_valid();
    });
}

#[test]
fn partitions_preserve_stock_and_orders() {
    for_each_seed(|seed| {
        let run = simulation(seed)
            .nemesis(Partition::halves().every(secs(3)))
            .run(load());
        run.assert_valid();
        assert!(run.net().dropped > 0, "no message was dropped");
    });
}

#[test]
fn kills_preserve_stock_and_orders() {
    for_each_seed(|seed| {
        let run = simulation(seed)
            .nemesis(Kill::one().every(secs(2)))
            .run(load());
        run.assert_valid();
        assert!(run.kills() > 0, "no node was killed");
    });
}

#[test]
fn pauses_preserve_stock_and_orders() {
    for_each_seed(|seed| {
        let run = simulation(seed)
            .nemesis(Pause::one().every(secs(2)))
            .run(load());
        run.assert_valid();
    });
}

/// Partitions, kills, pauses, loss and duplication together; logs are short, so that snapshots are
/// frequent, and disks lose unsynced bytes.
#[test]
fn random_faults_preserve_stock_and_orders() {
    let swarm = Swarm::of(workload::Orders)
        .rate(50.0..=150.0)
        .latency_up_to(ms(30))
        .time_limit(secs(15), secs(4));
    swarm.for_each(10, |drawn| {
        let mut rng = drawn.rng();
        let disks = Disks::new(ms(rng.random_range(0..5)));
        let options = Options {
            shards: rng.random_range(1..=16),
            log_bytes_min: rng.random_range(1_000..50_000),
            ..Options::default()
        };
        let note = format!(
            "{} shards, logs from {} bytes",
            options.shards, options.log_bytes_min
        );
        let make = move |cx: &Context| {
            let disk = disks.open(cx.id(), &mut cx.rng());
            Orders::sharded(cx, disk, options.clone())
        };
        let run: Run = drawn
            .simulation()
            .nodes(drawn.nodes, make)
            .note(note)
            .run(drawn.load().concurrency(2 * drawn.nodes));
        run.assert_safe();
    });
}
