//! The sums that reads may show. The workload's checker looks at final reads only, and does not
//! account for killed nodes.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use eddy::edn::Value;
use eddy::history::{Kind, Operation, Process};
use eddy::simulation::Run;

/// The number of nodes of every run.
pub const NODES: usize = 5;

fn number(op: &Operation) -> i128 {
    op.value.as_int().expect("an integer").into()
}

/// Returns the operations called `f`, with their completions.
fn completed<'a>(run: &'a Run, f: &'a str) -> impl Iterator<Item = (&'a Operation, &'a Operation)> {
    let pairs = run.history().pairs().filter(move |(op, _)| op.f == f);
    pairs.filter_map(|(op, completion)| Some((op, completion?)))
}

fn succeeded<'a>(run: &'a Run, f: &'a str) -> impl Iterator<Item = (&'a Operation, &'a Operation)> {
    completed(run, f).filter(|(_, completion)| completion.kind == Kind::Ok)
}

/// Asserts that every read invoked within `span` includes all adds acknowledged `lag` before it, and
/// at most those invoked before its reply.
pub fn assert_reads_are_recent(run: &Run, span: Range<Duration>, lag: Duration) {
    let reads = succeeded(run, "read").filter(|(read, _)| span.contains(&read.time));
    let mut checked = 0;
    for (read, answer) in reads {
        let (mut least, mut most) = (0, 0);
        for (add, ack) in succeeded(run, "add").filter(|(add, _)| add.index < answer.index) {
            let delta = number(add);
            let certain = ack.time + lag <= read.time;
            least += if certain { delta } else { delta.min(0) };
            most += if certain { delta } else { delta.max(0) };
        }
        let value = number(answer);
        assert!(
            (least..=most).contains(&value),
            "{value} is not from {least} to {most}: {answer:?}"
        );
        checked += 1;
    }
    assert!(checked > 100, "{checked} reads are too few");
}

/// Asserts, of a run in which one node is killed once, that all final reads show the same sum: of
/// all adds but at most the last that the killed node acknowledged within `at_risk` before.
pub fn assert_killed_node_counts_once(run: &Run, at_risk: Duration) {
    let (victim, time) = kill(run);
    let on_victim = |op: &Operation| match op.process {
        Process::Client(process) => process as usize % NODES == victim,
        _ => false,
    };
    let (mut certain, mut lost_adds) = (0, vec![0]);
    for (add, ack) in succeeded(run, "add") {
        if on_victim(add) && ack.time <= time && ack.time + at_risk > time {
            lost_adds.push(number(add));
        } else {
            certain += number(add);
        }
    }
    // A kill loses the latest adds first. An add without a reply may have been the latest.
    let mut acceptable: BTreeSet<i128> = BTreeSet::new();
    for delta in lost_adds {
        certain += delta;
        acceptable.insert(certain);
    }
    let unknown = completed(run, "add").filter(|(_, completion)| completion.kind == Kind::Info);
    for (add, _) in unknown {
        let with = acceptable.iter().map(|sum| sum + number(add));
        acceptable = with.chain(acceptable.iter().copied()).collect();
    }
    let finals = succeeded(run, "read").filter(|(_, answer)| answer.is_final());
    let values: BTreeSet<i128> = finals.map(|(_, answer)| number(answer)).collect();
    assert_eq!(values.len(), 1, "the final reads differ: {values:?}");
    assert!(
        values.is_subset(&acceptable),
        "{values:?} is not among {acceptable:?}"
    );
}

/// Returns the node that was killed, and when.
fn kill(run: &Run) -> (usize, Duration) {
    let mut kills = Vec::new();
    for op in run.history().iter().filter(|op| op.f == "kill") {
        if let Value::Map(killed) = &op.value {
            kills.extend(killed.keys().map(|name| (name.clone(), op.time)));
        }
    }
    let [(name, time)] = &kills[..] else {
        panic!("one node should be killed once: {kills:?}");
    };
    let node = (0..NODES).find(|node| *name == Value::from(format!("n{node}").as_str()));
    (node.expect("the name of a node"), *time)
}
