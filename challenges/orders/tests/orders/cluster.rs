//! Clusters of each strategy.

#![allow(dead_code, reason = "each user needs a part of this module")]

use std::time::Duration;

use eddy::net::Latency;
use eddy::simulation::{Load, Simulation, ms, secs};
use eddy::workload;
use glomers::{Context, Error, Result};
use orders::archive::MemoryFiles;
use orders::{Options, Orders};
use raft::Disks;

/// Time that a message takes.
pub const LATENCY: Duration = ms(10);

/// Time that a disk takes to make a turn durable.
pub const SYNC: Duration = ms(1);

/// How the replicas of a shard are kept alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Bully,
    Ring,
    Sharded,
}

/// Makes the nodes of a cluster. Its archives are on disks of their own.
pub fn nodes(
    strategy: Strategy,
    options: Options,
    disks: Disks,
) -> impl Fn(&Context) -> Result<Orders> + Clone + use<> {
    nodes_with_files(strategy, options, disks, MemoryFiles::new(SYNC))
}

/// Makes the nodes of a cluster whose archives are in these files.
pub fn nodes_with_files(
    strategy: Strategy,
    options: Options,
    disks: Disks,
    files: MemoryFiles,
) -> impl Fn(&Context) -> Result<Orders> + Clone + use<> {
    move |cx: &Context| {
        Ok::<_, Error>(match strategy {
            Strategy::Bully => Orders::bully(cx, &options),
            Strategy::Ring => Orders::ring(cx, &options),
            Strategy::Sharded => {
                let disk = disks.open(cx.id(), &mut cx.rng());
                Orders::sharded(cx, disk, files.of(cx.id()), &options)?
            }
        })
    }
}

/// Five nodes, [`LATENCY`] apart.
pub fn cluster(
    seed: impl Into<eddy::seed::Seed>,
    strategy: Strategy,
    options: Options,
) -> Simulation {
    cluster_of(5, seed, strategy, options)
}

/// Nodes that are [`LATENCY`] apart.
pub fn cluster_of(
    count: usize,
    seed: impl Into<eddy::seed::Seed>,
    strategy: Strategy,
    options: Options,
) -> Simulation {
    Simulation::new(seed)
        .nodes(count, nodes(strategy, options, Disks::new(SYNC)))
        .latency(Latency::constant(LATENCY))
}

/// 60 operations a second for 12 s, of which the last 3 are without faults.
pub fn load() -> Load {
    Load::of(workload::Orders)
        .rate(60.0)
        .concurrency(20)
        .time_limit(secs(12))
        .fault_free_tail(secs(3))
}
