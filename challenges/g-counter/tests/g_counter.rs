//! The grow-only counter, as it must behave.

use std::time::Duration;

use eddy::check::Workload;
use eddy::history::{Kind, Operation};
use eddy::nemesis::{Fault, Kill, Partition, Pause, Target};
use eddy::net::Latency;
use eddy::simulation::{Load, Run, Simulation, for_each_seed, ms, secs};
use g_counter::{Ack, GCounter};
use glomers::Context;

fn counter(ack: Ack) -> impl Fn(&Context) -> GCounter + Clone {
    move |_| GCounter::new(ack, ack.period())
}

/// The load of challenge 4.
fn load() -> Load {
    Load::of(Workload::GCounter).rate(100.0).lasting(secs(20))
}

/// Every read shows what was acknowledged `lag` before it was asked for, and nothing that nobody
/// had asked to add before it was answered.
fn assert_reads_are_fresh(run: &Run, lag: Duration) {
    let delta = |add: &Operation| add.value.as_int().expect("a delta is an integer");
    let pairs = || run.history().pairs();
    let ok = |op: &&Operation| op.kind == Kind::Ok;
    for (read, answer) in pairs().filter(|(op, _)| op.f == "read") {
        let Some(answer) = answer.filter(ok) else {
            continue;
        };
        let adds = || pairs().filter(|(op, _)| op.f == "add");
        let certain = adds().filter(|(_, done)| {
            done.filter(ok)
                .is_some_and(|done| done.index < read.index && done.time + lag <= read.time)
        });
        let certain: i64 = certain.map(|(add, _)| delta(add)).sum();
        let possible = adds().filter(|(add, _)| add.index < answer.index);
        let possible: i64 = possible.map(|(add, _)| delta(add)).sum();
        let value = answer.value.as_int().expect("a sum is an integer");
        assert!(
            (certain..=possible).contains(&value),
            "{value} is not from {certain} to {possible}: {answer:?}"
        );
    }
}

/// Challenge 4. The nodes say nothing to each other, so a partition has nothing to cut.
#[test]
fn a_partition_changes_nothing() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(3, counter(Ack::SeqKv))
            .nemesis(Partition::any().every(secs(10)))
            .run(load());
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() <= 0.70, "{}", run.messages_per_op());
        assert_reads_are_fresh(&run, Ack::SeqKv.period() * 2);
        let struck = |op: &&Operation| op.f == "start-partition";
        assert!(run.history().iter().any(|op| struck(&op)), "no partition");
        assert_eq!(run.net().dropped, 0);
        eprintln!("{:.3} add {:?} {:?} read {:?} {:?}", run.messages_per_op(), run.latency_of("add", 0.5), run.latency_of("add", 0.99), run.latency_of("read", 0.5), run.latency_of("read", 0.99));
    });
}

#[test]
fn local_is_cheap() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(3, counter(Ack::Local))
            .nemesis(Partition::any().every(secs(10)))
            .run(load());
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() <= 0.10, "{}", run.messages_per_op());
        assert_reads_are_fresh(&run, Ack::Local.period() * 3 + ms(100));
        eprintln!("{:.3} add {:?} {:?} read {:?} {:?}", run.messages_per_op(), run.latency_of("add", 0.5), run.latency_of("add", 0.99), run.latency_of("read", 0.5), run.latency_of("read", 0.99));
    });
}

#[test]
fn kills() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(3, counter(Ack::SeqKv))
            .latency(Latency::exponential(ms(100)))
            .nemesis(Kill::of(Target::One).every(secs(4)))
            .nemesis(Pause::of(Target::One).every(secs(2)))
            .run(load());
        run.assert_valid();
        assert_reads_are_fresh(&run, Ack::SeqKv.period() * 2);
        eprintln!("{:.3} {} kills {} pauses ok {} add {:?} {:?} read {:?} {:?}", run.messages_per_op(), run.kills(), run.pauses(), run.ok_fraction(), run.latency_of("add", 0.5), run.latency_of("add", 0.99), run.latency_of("read", 0.5), run.latency_of("read", 0.99));
    });
}
