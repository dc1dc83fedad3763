//! Txn-list-append, as it must behave.

use std::time::Duration;

use eddy::check::Workload;
use eddy::nemesis::{
    ClockSkew, Delays, Duplication, Fault, Kill, Loss, Partition, PartitionKind, Pause, Target,
};
use eddy::net::Latency;
use eddy::simulation::{Load, Run, Simulation, for_each_seed, ms, secs};
use glomers::Context;
use raft::{Disks, Options};
use txn_list_append::{OnLog, OnRoot, PATIENCE};

fn nodes(disks: &Disks) -> impl Fn(&Context) -> glomers::Result<OnLog> + Clone + use<> {
    let disks = disks.clone();
    move |cx: &Context| {
        let disk = disks.open(cx.id(), &mut cx.rng());
        OnLog::new(cx, disk, Options::patience(PATIENCE))
    }
}

fn load() -> Load {
    Load::of(Workload::TxnListAppend)
        .rate(100.0)
        .lasting(secs(20))
}

fn report(run: &Run) {
    eprintln!(
        "txn {:?} {:?} {:.2} msgs/op ok {:.3} of {}",
        run.latency_of("txn", 0.5),
        run.latency_of("txn", 0.99),
        run.messages_per_op(),
        run.ok_fraction(),
        run.history().len() / 2
    );
}

#[test]
fn two_nodes() {
    for_each_seed(|seed| {
        let disks = Disks::new(Duration::ZERO);
        let run = Simulation::new(seed).nodes(2, nodes(&disks)).run(load());
        report(&run);
        run.assert_valid();
    });
}

#[test]
fn two_nodes_root() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(2, |_: &Context| OnRoot::default())
            .run(load());
        report(&run);
        run.assert_valid();
    });
}

#[test]
fn two_nodes_root_latency() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(2, |_: &Context| OnRoot::default())
            .latency(Latency::constant(ms(10)))
            .run(load().concurrency(20));
        report(&run);
        run.assert_valid();
    });
}

#[test]
fn five_nodes() {
    for_each_seed(|seed| {
        let disks = Disks::new(Duration::ZERO);
        let run = Simulation::new(seed).nodes(5, nodes(&disks)).run(load());
        report(&run);
        run.assert_valid();
    });
}

#[test]
fn partition() {
    for_each_seed(|seed| {
        let disks = Disks::new(Duration::ZERO);
        let run = Simulation::new(seed)
            .nodes(5, nodes(&disks))
            .latency(Latency::constant(ms(10)))
            .nemesis(Partition::any().every(secs(5)))
            .run(load().concurrency(10));
        report(&run);
        run.assert_valid();
    });
}

#[test]
fn swarm() {
    for_each_seed(|seed| {
        let disks = Disks::new(ms(2));
        let run = Simulation::new(seed)
            .nodes(5, nodes(&disks))
            .latency(Latency::exponential(ms(10)))
            .nemesis(Kill::of(Target::Minority).every(secs(2)))
            .nemesis(Pause::one().every(secs(2)))
            .nemesis(Partition::of([PartitionKind::OneWay]).every(secs(2)))
            .nemesis(Partition::any().every(secs(3)))
            .nemesis(ClockSkew::up_to_ms(1000).every(secs(3)))
            .nemesis(Loss::of(0.05).always())
            .nemesis(Duplication::of(0.05).always())
            .nemesis(Delays::of(0.05, ms(500)).always())
            .run(load().concurrency(10).calm(secs(3)));
        report(&run);
        eprintln!("{:?}", disks.losses());
        run.assert_valid();
    });
}
