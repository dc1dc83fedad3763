//! What reads may show. The workload's checker looks at the final ones only, and knows nothing of
//! nodes that die.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use eddy::edn::Value;
use eddy::history::{Kind, Operation, Process};
use eddy::simulation::Run;

/// The nodes of every run here.
pub const NODES: usize = 5;

fn number(op: &Operation) -> i128 {
    op.value.as_int().expect("an integer").into()
}

/// The operations called `f`, with their completions.
fn completed<'a>(run: &'a Run, f: &'a str) -> impl Iterator<Item = (&'a Operation, &'a Operation)> {
    let pairs = run.history().pairs().filter(move |(op, _)| op.f == f);
    pairs.filter_map(|(op, completion)| Some((op, completion?)))
}

fn succeeded<'a>(run: &'a Run, f: &'a str) -> impl Iterator<Item = (&'a Operation, &'a Operation)> {
    completed(run, f).filter(|(_, completion)| completion.kind == Kind::Ok)
}

/// Every read asked for within `span` shows all that was acknowledged `lag` before, and of what
/// came later no more than there was.
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
    assert!(checked > 100, "{checked} reads are too few to tell");
}

/// In a run with a single death: all final reads show the same, and that is everything, less at
/// most some of the last adds that the dead node acknowledged, no more than `at_risk` before.
pub fn assert_the_dead_count_once(run: &Run, at_risk: Duration) {
    let (dead, time) = death(run);
    let on_the_dead = |op: &Operation| match op.process {
        Process::Client(process) => process as usize % NODES == dead,
        _ => false,
    };
    let (mut certain, mut last_words) = (0, vec![0]);
    for (add, ack) in succeeded(run, "add") {
        if on_the_dead(add) && ack.time <= time && ack.time + at_risk > time {
            last_words.push(number(add));
        } else {
            certain += number(add);
        }
    }
    // Adds get lost in the order in which they were made: the last ones first. One of which nobody
    // knows may have been the last of all.
    let mut acceptable: BTreeSet<i128> = BTreeSet::new();
    for delta in last_words {
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
        "{values:?} is none of {acceptable:?}"
    );
}

/// Which node died, and when.
fn death(run: &Run) -> (usize, Duration) {
    let mut deaths = Vec::new();
    for op in run.history().iter().filter(|op| op.f == "kill") {
        if let Value::Map(killed) = &op.value {
            deaths.extend(killed.keys().map(|name| (name.clone(), op.time)));
        }
    }
    let [(name, time)] = &deaths[..] else {
        panic!("one node was to die, once: {deaths:?}");
    };
    let node = (0..NODES).find(|node| *name == Value::from(format!("n{node}").as_str()));
    (node.expect("a node died"), *time)
}
