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

fn report(run: &eddy::simulation::Run) {
    eprintln!(
        "read {:?} {:?} write {:?} {:?} {:.2} msgs/op ok {:.3} of {}",
        run.latency_of("read", 0.5),
        run.latency_of("read", 0.99),
        run.latency_of("write", 0.5),
        run.latency_of("write", 0.99),
        run.messages_per_op(),
        run.ok_fraction(),
        run.history().len() / 2
    );
}

#[test]
fn without_faults() {
    for_each_seed(|seed| {
        let disks = Disks::new(Duration::ZERO);
        let run = Simulation::new(seed)
            .nodes(3, nodes(&disks, options()))
            .latency(Latency::constant(ms(10)))
            .run(load().concurrency(30));
        report(&run);
        run.assert_valid();
    });
}

#[test]
fn partition() {
    for_each_seed(|seed| {
        let disks = Disks::new(Duration::ZERO);
        let run = Simulation::new(seed)
            .nodes(5, nodes(&disks, options()))
            .latency(Latency::constant(ms(10)))
            .nemesis(Partition::any().every(secs(3)))
            .run(load().concurrency(50));
        report(&run);
        run.assert_valid();
    });
}

#[test]
fn kill() {
    for_each_seed(|seed| {
        let disks = Disks::new(ms(2));
        let run = Simulation::new(seed)
            .nodes(3, nodes(&disks, options()))
            .latency(Latency::constant(ms(10)))
            .nemesis(Kill::of(Target::Minority).every(secs(2)))
            .run(load().concurrency(30));
        report(&run);
        eprintln!("{:?}", disks.losses());
        run.assert_valid();
    });
}

#[test]
fn swarm() {
    for_each_seed(|seed| {
        let disks = Disks::new(ms(2));
        let mut options = options();
        options.log_bytes_min = 10_000;
        options.raft.message_bytes_max = 1000;
        let run = Simulation::new(seed)
            .nodes(5, nodes(&disks, options))
            .latency(Latency::exponential(ms(10)))
            .nemesis(Kill::of(Target::Minority).every(secs(2)))
            .nemesis(Pause::one().every(secs(2)))
            .nemesis(Partition::of([PartitionKind::OneWay]).every(secs(2)))
            .nemesis(Partition::any().every(secs(3)))
            .nemesis(ClockSkew::up_to_ms(1000).every(secs(3)))
            .nemesis(Loss::of(0.05).always())
            .nemesis(Duplication::of(0.05).always())
            .nemesis(Delays::of(0.05, ms(500)).always())
            .run(load().concurrency(50).calm(secs(3)));
        report(&run);
        eprintln!("{:?}", disks.losses());
        run.assert_valid();
    });
}
