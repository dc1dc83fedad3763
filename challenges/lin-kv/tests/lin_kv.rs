//! Lin-kv, as it must behave.

use std::time::Duration;

use eddy::check::Workload;
use eddy::nemesis::{
    ClockSkew, Delays, Duplication, Fault, Kill, Loss, Partition, PartitionKind, Pause, Target,
};
use eddy::net::Latency;
use eddy::simulation::{Load, Simulation, for_each_seed, ms, secs};
use glomers::Context;
use lin_kv::{LinKv, PATIENCE};
use raft::{Disks, Options};
use rand::RngExt;

fn options() -> Options {
    Options::patience(PATIENCE)
}

/// Nodes with disks that survive them, whose syncs take a millisecond.
fn nodes(
    disks: &Disks,
    options: Options,
) -> impl Fn(&Context) -> glomers::Result<LinKv> + Clone + use<> {
    let disks = disks.clone();
    move |cx: &Context| {
        let disk = disks.open(cx.id(), &mut cx.rng());
        LinKv::new(cx, disk, options.clone())
    }
}

fn load() -> Load {
    Load::of(Workload::LinKv).rate(100.0).lasting(secs(20))
}

#[test]
fn without_faults_every_operation_is_answered() {
    for_each_seed(|seed| {
        let disks = Disks::new(Duration::ZERO);
        let run = Simulation::new(seed)
            .nodes(3, nodes(&disks, options()))
            .latency(Latency::constant(ms(10)))
            .run(load().concurrency(30));
        for f in ["read", "write"] {
            println!("{f} {:?} {:?}", run.latency_of(f, 0.5), run.latency_of(f, 0.99));
        }
        println!("{} msgs/op, ok {}", run.messages_per_op(), run.ok_fraction());
        run.assert_valid();
    });
}
