//! The grow-only set, as it must behave.

mod limit;

use std::collections::BTreeSet;
use std::time::Duration;

use dissemination::Windows;
use eddy::edn::Value;
use eddy::history::{Kind, Operation};
use eddy::nemesis::{Delays, Duplication, Fault, Kill, Loss, Partition, PartitionKind, Pause};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, for_each_seed, ms, secs};
use eddy::workload;
use g_set::{GSet, ROUND};
use glomers::Context;
use limit::{HOP, NODES, elements, median_latencies, node_of};

/// Five nodes, 100 ms apart.
fn nodes(seed: Seed) -> Simulation {
    Simulation::new(seed)
        .nodes(NODES, |cx: &Context| GSet::new(cx, Windows::every(ROUND)))
        .latency(Latency::constant(HOP))
}

fn load() -> Load {
    Load::of(workload::GSet).rate(100.0).time_limit(secs(20))
}

fn report(run: &Run) {
    eprintln!(
        "{:.3} messages per op, ok {:.4}, everywhere after {:?} {:?}",
        run.messages_per_op(),
        run.ok_fraction(),
        run.stable_latency(0.5),
        run.stable_latency(1.0),
    );
}

#[test]
fn an_element_is_everywhere_within_a_second_for_a_quarter_of_a_message() {
    for_each_seed(|seed| {
        let run = nodes(seed).run(load());
        report(&run);
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() < 0.25, "{}", run.messages_per_op());
        assert!(run.stable_latency(0.5) < ms(400));
        assert!(run.stable_latency(1.0) < ms(800));
    });
}

/// With partitions as upstream makes them, half of all elements are everywhere within a second of
/// the moment when they could be.
#[test]
fn a_partition_loses_nothing_and_costs_little() {
    for_each_seed(|seed| {
        let run = nodes(seed)
            .nemesis(Partition::any().every(secs(10)))
            .run(load());
        run.assert_valid();
        assert!(run.net().dropped > 0, "the partition never cut anything");
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() < 0.6, "{}", run.messages_per_op());
        let [stable, limit, added] = median_latencies(&run);
        eprintln!(
            "seed {seed}: {:.3} messages per op, median {stable:?}; the network {limit:?}, added {added:?}",
            run.messages_per_op(),
        );
        assert!(added < secs(1), "{added:?}");
    });
}

/// In a ring everybody hears just two neighbours, so that the star has become a chain.
#[test]
fn by_the_long_way_round_a_partition_half_of_all_take_less_than_a_second() {
    for_each_seed(|seed| {
        let ring = Partition::of([PartitionKind::MajoritiesRing]);
        let run = nodes(seed)
            .nemesis(ring.between(secs(1), secs(19)))
            .run(load());
        report(&run);
        run.assert_valid();
        assert!(run.net().dropped > 0, "the partition never cut anything");
        assert!(run.stable_latency(0.5) < secs(1));
        assert!(run.stable_latency(1.0) < secs(6));
    });
}

#[test]
fn two_seconds_after_a_partition_everybody_knows_everything() {
    for_each_seed(|seed| {
        let (from, to) = (secs(5), secs(12));
        let run = nodes(seed)
            .nemesis(Partition::halves().between(from, to))
            .run(load());
        report(&run);
        run.assert_valid();
        assert!(run.net().dropped > 0, "the partition never cut anything");
        assert!(run.stable_latency(1.0) < to - from + secs(2));
    });
}

#[test]
fn loss_repetition_and_disorder_lose_nothing() {
    for_each_seed(|seed| {
        let run = nodes(seed)
            .latency(Latency::exponential(ms(100)))
            .nemesis(Loss::of(0.2).always())
            .nemesis(Duplication::of(0.2).always())
            .nemesis(Delays::of(0.2, ms(500)).always())
            .run(load());
        report(&run);
        run.assert_valid();
        let net = run.net();
        assert!(net.lost > 0 && net.duplicated > 0 && net.delayed > 0);
        assert!(run.messages_per_op() < 0.6, "{}", run.messages_per_op());
    });
}

#[test]
fn a_node_that_was_paused_catches_up() {
    for_each_seed(|seed| {
        let run = nodes(seed).nemesis(Pause::one().every(secs(2))).run(load());
        report(&run);
        run.assert_valid();
        assert!(run.pauses() > 0);
    });
}

/// When nodes died, and which.
fn deaths(run: &Run) -> Vec<(usize, Duration)> {
    let died = |op: &Operation| match &op.value {
        Value::Map(nodes) => nodes.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let kills = run.history().iter().filter(|op| op.f == "kill");
    kills
        .flat_map(|op| died(op).into_iter().map(|name| (name, op.time)))
        .map(|(name, time)| {
            let number = (0..NODES).find(|node| name == Value::from(format!("n{node}").as_str()));
            (number.expect("a node died"), time)
        })
        .collect()
}

/// A node that dies takes along what it has acknowledged and not yet told anybody: the last round,
/// and nothing older.
#[test]
fn a_death_loses_nothing_that_is_older_than_a_round() {
    for_each_seed(|seed| {
        let run = nodes(seed)
            .nemesis(Kill::one().between(secs(8), secs(9)))
            .run(load());
        assert!(run.failure().is_none(), "{:?}", run.failure());
        let [(dead, time)] = deaths(&run)[..] else {
            panic!("one node dies once");
        };
        let element = |op: &Operation| op.value.as_int().expect("elements are integers");
        let at_risk = |op: &Operation| {
            node_of(op) == dead && op.time <= time && op.time + ROUND + ms(50) > time
        };
        let ok = |op: &&Operation| op.kind == Kind::Ok;
        let adds = run
            .history()
            .clients()
            .filter(ok)
            .filter(|op| op.f == "add");
        let safe: BTreeSet<i64> = adds.filter(|op| !at_risk(op)).map(element).collect();
        let reads = run
            .history()
            .clients()
            .filter(ok)
            .filter(|op| op.f == "read");
        for read in reads.rev().take(NODES) {
            let seen = elements(read);
            let lost: Vec<&i64> = safe.difference(&seen).collect();
            assert!(lost.is_empty(), "{lost:?} are lost");
        }
    });
}

#[test]
fn a_set_that_nobody_uses_is_silent() {
    for_each_seed(|seed| {
        let messages = |lasting| {
            let run = nodes(seed).run(load().rate(0.0).time_limit(lasting));
            assert!(run.failure().is_none(), "{:?}", run.failure());
            run.journal().servers.sent
        };
        assert_eq!(messages(secs(10)), messages(secs(100)));
    });
}
