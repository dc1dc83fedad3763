//! The specification of the grow-only set.

mod limit;
mod swarm;

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

/// Creates five nodes, with 100 ms of latency between them.
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
fn elements_are_delivered_within_a_second_for_a_quarter_of_a_message() {
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

/// With upstream's partitions, half of all elements are everywhere within a second of the moment at
/// which the network allows it.
#[test]
fn partitions_lose_no_element_and_cost_little() {
    for_each_seed(|seed| {
        let run = nodes(seed)
            .nemesis(Partition::any().every(secs(10)))
            .run(load());
        run.assert_valid();
        assert!(run.net().dropped > 0, "the partition never cut anything");
        assert_eq!(run.ok_fraction(), 1.0);
        assert!(run.messages_per_op() < 0.7, "{}", run.messages_per_op());
        let [stable, limit, added] = median_latencies(&run);
        eprintln!(
            "seed {seed}: {:.3} messages per op, median {stable:?}; the network {limit:?}, added {added:?}",
            run.messages_per_op(),
        );
        assert!(added < secs(1), "{added:?}");
    });
}

/// In a ring every node receives messages from two neighbours only, so the star becomes a chain.
#[test]
fn ring_partition_delays_half_of_the_elements_by_less_than_a_second() {
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
fn partition_is_caught_up_within_two_seconds_of_its_heal() {
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
fn lost_duplicated_and_reordered_messages_lose_no_element() {
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
        assert!(run.messages_per_op() < 0.7, "{}", run.messages_per_op());
    });
}

#[test]
fn paused_node_catches_up() {
    for_each_seed(|seed| {
        let run = nodes(seed).nemesis(Pause::one().every(secs(2))).run(load());
        report(&run);
        run.assert_valid();
        assert!(run.pauses() > 0);
    });
}

/// Returns the kills of a run: the node and the time.
fn kills(run: &Run) -> Vec<(usize, Duration)> {
    let killed = |op: &Operation| match &op.value {
        Value::Map(nodes) => nodes.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let kills = run.history().iter().filter(|op| op.f == "kill");
    kills
        .flat_map(|op| killed(op).into_iter().map(|name| (name, op.time)))
        .map(|(name, time)| {
            let number = (0..NODES).find(|node| name == Value::from(format!("n{node}").as_str()));
            (number.expect("the name of a node"), time)
        })
        .collect()
}

/// A killed node loses what it acknowledged and has not sent yet: at most the last round.
#[test]
fn killed_node_loses_nothing_older_than_a_round() {
    for_each_seed(|seed| {
        let run = nodes(seed)
            .nemesis(Kill::one().between(secs(8), secs(9)))
            .run(load());
        assert!(run.failure().is_none(), "{:?}", run.failure());
        let [(victim, time)] = kills(&run)[..] else {
            panic!("exactly one node must be killed once");
        };
        let element = |op: &Operation| op.value.as_int().expect("elements are integers");
        let at_risk = |op: &Operation| {
            node_of(op) == victim && op.time <= time && op.time + ROUND + ms(50) > time
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
fn idle_set_is_silent() {
    for_each_seed(|seed| {
        let messages = |lasting| {
            let run = nodes(seed).run(load().rate(0.0).time_limit(lasting));
            assert!(run.failure().is_none(), "{:?}", run.failure());
            run.journal().servers.sent
        };
        assert_eq!(messages(secs(10)), messages(secs(100)));
    });
}
