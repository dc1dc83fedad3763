//! The specification of the grow-only counter, in simulation.

mod reads;
mod swarm;

use std::collections::BTreeSet;
use std::time::Duration;

use eddy::check::Verdict;
use eddy::nemesis::{Fault, Kill, Partition, Pause};
use eddy::net::{EventKind, Latency};
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, for_each_seed, for_seeds, ms, secs};
use eddy::workload;
use g_counter::{Ack, GCounter};
use glomers::Context;
use reads::{assert_reads_are_fresh, assert_reads_grow};

fn counter(ack: Ack) -> impl Fn(&Context) -> GCounter + Clone {
    move |_| GCounter::new(ack, ack.period())
}

/// Returns a node on which every read waits for a refresh.
fn without_memory(_: &Context) -> GCounter {
    GCounter::new(Ack::SeqKv, Duration::ZERO)
}

/// Returns the load of challenge 4.
fn load() -> Load {
    Load::of(workload::GCounter)
        .rate(100.0)
        .time_limit(secs(20))
}

/// Returns the time after which every read includes an add that seq-kv has stored.
fn lag() -> Duration {
    2 * Ack::SeqKv.period()
}

fn report(run: &Run) {
    let latency = |f, quantile| run.latency_of(f, quantile);
    eprintln!(
        "{:.3} messages per op, ok {:.4}, add {:?} {:?}, read {:?} {:?}",
        run.messages_per_op(),
        run.ok_fraction(),
        latency("add", 0.5),
        latency("add", 0.99),
        latency("read", 0.5),
        latency("read", 0.99),
    );
}

/// Challenge 4. The nodes do not communicate, so a partition cuts nothing.
#[test]
fn partition_does_not_affect_the_counter() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(3, counter(Ack::SeqKv))
            .nemesis(Partition::any().every(secs(10)))
            .run(load());
        report(&run);
        run.assert_valid();
        let mut faults = run.history().iter().map(|op| &op.f);
        assert!(faults.any(|f| f == "start-partition"), "no partition");
        assert_eq!(run.net().dropped, 0);
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() <= 0.70, "{}", run.messages_per_op());
        assert_reads_are_fresh(&run, lag());
    });
}

/// Challenge 4 with local acknowledgement, where a killed node may lose the adds of its last seconds.
#[test]
fn local_acknowledgement_costs_a_tenth_of_a_message() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(3, counter(Ack::Local))
            .nemesis(Partition::any().every(secs(10)))
            .run(load());
        report(&run);
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() <= 0.10, "{}", run.messages_per_op());
        // An add waits a period until it is stored.
        assert_reads_are_fresh(&run, 3 * Ack::Local.period());
    });
}

#[test]
fn acknowledged_adds_survive_kills() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(3, counter(Ack::SeqKv))
            .latency(Latency::exponential(ms(100)))
            .nemesis(Kill::one().every(secs(2)))
            .nemesis(Pause::one().every(secs(1)))
            .run(load());
        report(&run);
        run.assert_valid();
        assert!(run.kills() > 0 && run.pauses() > 0);
        assert!(run.ok_fraction() > 0.9, "{}", run.ok_fraction());
        assert_reads_are_fresh(&run, lag());
    });
}

/// Nodes restart faster than a message travels, so that writes of killed processes arrive after those
/// of their successors.
#[test]
fn late_writes_of_killed_process_are_rejected() {
    for_seeds(100, |seed| {
        let run = Simulation::new(seed)
            .nodes(3, counter(Ack::SeqKv))
            .latency(Latency::exponential(ms(300)))
            .nemesis(Kill::one().every(ms(150)))
            .run(load().rate(20.0).time_limit(secs(10)).concurrency(12));
        // In some runs no add is acknowledged, so only the workload's verdict is checked.
        let counter = run.results().workload();
        assert_eq!(
            counter.verdict(),
            Verdict::Valid,
            "{:?}",
            counter.explanation()
        );
        assert!(run.kills() > 10);
    });
}

#[test]
fn local_acknowledgement_loses_adds_not_stored_yet() {
    let loses = |seed| {
        let run = Simulation::new(Seed(seed))
            .nodes(3, counter(Ack::Local))
            .nemesis(Kill::one().every(secs(2)))
            .run(load());
        assert!(run.kills() > 0);
        run.verdict() == Verdict::Invalid
    };
    assert!((0..5).any(loses));
}

/// With a period of zero no read is answered from memory. On every node it includes all adds that
/// were acknowledged before, and shows no less than a read that was answered before.
#[test]
fn reads_with_zero_period_are_up_to_date() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(3, without_memory)
            .latency(Latency::exponential(ms(10)))
            .nemesis(Kill::one().every(secs(2)))
            .run(load().concurrency(30));
        report(&run);
        run.assert_valid();
        assert!(run.kills() > 0);
        assert_reads_are_fresh(&run, Duration::ZERO);
        assert_reads_grow(&run);
    });
}

#[test]
fn concurrent_clients_share_messages() {
    for_each_seed(|seed| {
        let run = |concurrency, rate: f64| {
            Simulation::new(seed)
                .nodes(3, counter(Ack::SeqKv))
                .latency(Latency::constant(ms(100)))
                .run(load().rate(rate).concurrency(concurrency))
        };
        let (few, many) = (run(3, 100.0), run(300, 1000.0));
        report(&few);
        report(&many);
        few.assert_valid();
        many.assert_valid();
        assert!(many.messages_per_op() < few.messages_per_op() / 5.0);
        assert!(many.latency_of("add", 0.99) < ms(1000));
    });
}

/// The store replies after the request timeout, so requests are repeated.
#[test]
fn repeated_write_counts_once() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(3, counter(Ack::SeqKv))
            .latency(Latency::exponential(ms(400)))
            .record_all_messages()
            .run(load());
        report(&run);
        run.assert_valid();
        let sent = run.journal().events().iter();
        let mut distinct = BTreeSet::new();
        let mut repeated = 0;
        for event in sent.filter(|event| event.kind == EventKind::Send) {
            let body: serde_json::Value = serde_json::from_str(&event.message.body).unwrap();
            if body["type"] == "cas" {
                let change = (event.message.src, body["to"].to_string());
                repeated += u32::from(!distinct.insert(change));
            }
        }
        assert!(repeated > 0, "no request was repeated");
    });
}

/// Without requests the only messages are those of the start and of the final reads.
#[test]
fn unused_counter_sends_no_messages() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(3, counter(Ack::SeqKv))
            .run(Load::of(workload::GCounter).rate(0.0).time_limit(secs(20)));
        run.assert_valid();
        // Each of three nodes takes over its share, and reads the other two for the final read.
        let (take_over, refresh) = (4, 2 + 2 * 2);
        assert_eq!(run.journal().servers.sent, 3 * (take_over + refresh));
    });
}
