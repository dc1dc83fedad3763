//! The cluster, the load and the assertions that the scenarios of broadcast share.

use std::collections::BTreeSet;
use std::time::Duration;

use broadcast::{Broadcast, Windows};
use eddy::edn::Value;
use eddy::history::{Kind, Operation, Process};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::Context;

/// Creates a cluster of the solution, with 100 ms of latency between nodes.
pub fn cluster(seed: Seed, count: usize, windows: Windows) -> Simulation {
    Simulation::new(seed)
        .nodes(count, move |cx: &Context| Broadcast::new(cx, windows))
        .latency(Latency::constant(ms(100)))
}

/// Returns the load of challenges 3d and 3e.
pub fn load() -> Load {
    Load::of(workload::Broadcast)
        .rate(100.0)
        .time_limit(secs(20))
}

/// A value that was acknowledged, at which node and when.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledged {
    pub value: i64,
    pub node: usize,
    pub at: Duration,
}

/// The values that a read returned, from which node, and when it was invoked.
pub struct Read {
    pub values: BTreeSet<i64>,
    pub node: usize,
    pub at: Duration,
}

fn ok_pairs<'a>(run: &'a Run, f: &'a str) -> impl Iterator<Item = (&'a Operation, &'a Operation)> {
    let pairs = run.history().pairs();
    let pairs = pairs.filter(move |(invocation, _)| invocation.f == f);
    pairs.filter_map(|(invocation, completion)| {
        let completion = completion.filter(|it| it.kind == Kind::Ok)?;
        Some((invocation, completion))
    })
}

/// Returns the node that an operation's client talks to, in a cluster of `count` nodes with one
/// client each.
fn node_of(operation: &Operation, count: usize) -> usize {
    match operation.process {
        Process::Client(client) => client as usize % count,
        Process::Nemesis => panic!("the nemesis is no client of a node"),
    }
}

fn integer(value: &Value) -> i64 {
    value.as_int().expect("a value is an integer")
}

pub fn acknowledged(run: &Run, count: usize) -> Vec<Acknowledged> {
    let pairs = ok_pairs(run, "broadcast");
    pairs
        .map(|(invocation, completion)| Acknowledged {
            value: integer(&invocation.value),
            node: node_of(invocation, count),
            at: completion.time,
        })
        .collect()
}

pub fn reads(run: &Run, count: usize) -> Vec<Read> {
    let pairs = ok_pairs(run, "read");
    pairs
        .map(|(invocation, completion)| {
            let listed = completion.value.as_seq().unwrap_or_default();
            Read {
                values: listed.iter().map(integer).collect(),
                node: node_of(invocation, count),
                at: invocation.time,
            }
        })
        .collect()
}

/// Asserts that every read that begins `within` after `heal` or later shows every value that was
/// acknowledged before `heal`.
pub fn assert_whole_after(run: &Run, count: usize, heal: Duration, within: Duration) {
    let old = acknowledged(run, count);
    let old: Vec<_> = old.into_iter().filter(|value| value.at <= heal).collect();
    assert!(!old.is_empty(), "no value was acknowledged before the heal");
    let late: Vec<Read> = reads(run, count);
    let late = late.into_iter().filter(|read| read.at >= heal + within);
    let mut checked = 0;
    for read in late {
        checked += 1;
        let missing = old.iter().find(|value| !read.values.contains(&value.value));
        assert!(
            missing.is_none(),
            "n{} misses {missing:?} at {:?}, healed at {heal:?}",
            read.node,
            read.at
        );
    }
    assert!(
        checked > count,
        "there were hardly any reads after the heal"
    );
}
