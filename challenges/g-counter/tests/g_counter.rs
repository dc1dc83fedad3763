//! The grow-only counter, as it must behave.

mod reads;

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

/// A node on which every read waits for a look of its own.
fn without_memory(_: &Context) -> GCounter {
    GCounter::new(Ack::SeqKv, Duration::ZERO)
}

/// The load of challenge 4.
fn load() -> Load {
    Load::of(workload::GCounter)
        .rate(100.0)
        .time_limit(secs(20))
}

/// So old is what a read may not show, at most, of what seq-kv holds.
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

/// Challenge 4. The nodes say nothing to each other, so there is nothing to be cut.
#[test]
fn a_partition_changes_nothing() {
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

/// Challenge 4 again, for those who can afford to lose the last seconds of a node that dies.
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
fn what_is_acknowledged_survives_the_death_of_nodes() {
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

/// Nodes die and come back faster than a message travels, so that what the dead have sent to the
/// store arrives after what their successors send.
#[test]
fn the_last_words_of_the_dead_change_nothing() {
    for_seeds(100, |seed| {
        let run = Simulation::new(seed)
            .nodes(3, counter(Ack::SeqKv))
            .latency(Latency::exponential(ms(300)))
            .nemesis(Kill::one().every(ms(150)))
            .run(load().rate(20.0).time_limit(secs(10)).concurrency(12));
        // Some runs are too rough for any add to be acknowledged.
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
fn local_acknowledgement_loses_what_was_not_stored_yet() {
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

/// With a period of zero nothing is answered from memory: no read, on any node, misses an add that
/// was acknowledged before, and no read shows less than one that was answered before.
#[test]
fn without_memory_every_read_is_up_to_date() {
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
fn clients_who_wait_together_share_their_messages() {
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

/// A store that takes longer than the node's patience: requests are repeated, and count once.
#[test]
fn what_is_asked_of_the_store_twice_counts_once() {
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

/// Nobody asks, nobody tells.
#[test]
fn a_counter_that_nobody_uses_is_silent() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(3, counter(Ack::SeqKv))
            .run(Load::of(workload::GCounter).rate(0.0).time_limit(secs(20)));
        run.assert_valid();
        // Three nodes learn their shares, and look at two others' for the final read.
        let (learn, look) = (4, 2 + 2 * 2);
        assert_eq!(run.journal().servers.sent, 3 * (learn + look));
    });
}
