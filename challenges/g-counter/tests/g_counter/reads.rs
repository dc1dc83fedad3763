//! Checks of all reads. The workload's checker looks at the final ones only.

use std::time::Duration;

use eddy::history::{Kind, Operation};
use eddy::simulation::Run;

/// Returns the operations of one kind that have a completion, with it.
fn completed<'a>(run: &'a Run, f: &'a str) -> impl Iterator<Item = (&'a Operation, &'a Operation)> {
    let pairs = run.history().pairs().filter(move |(op, _)| op.f == f);
    pairs.filter_map(|(op, completion)| Some((op, completion?)))
}

fn succeeded<'a>(run: &'a Run, f: &'a str) -> impl Iterator<Item = (&'a Operation, &'a Operation)> {
    completed(run, f).filter(|(_, completion)| completion.kind == Kind::Ok)
}

fn number(op: &Operation) -> i64 {
    op.value.as_int().expect("an integer")
}

/// Asserts that every read includes at least the adds acknowledged `lag` before its invocation, and
/// at most the adds invoked before its completion.
pub fn assert_reads_are_fresh(run: &Run, lag: Duration) {
    for (read, answer) in succeeded(run, "read") {
        let acknowledged = succeeded(run, "add")
            .filter(|(_, ack)| ack.index < read.index && ack.time + lag <= read.time);
        let least: i64 = acknowledged.map(|(add, _)| number(add)).sum();
        let adds = run.history().iter().filter(|op| op.f == "add");
        let possible = adds.filter(|op| op.kind == Kind::Invoke && op.index < answer.index);
        let most: i64 = possible.map(number).sum();
        let value = number(answer);
        assert!(
            (least..=most).contains(&value),
            "{value} is not in {least}..={most}: {answer:?}"
        );
    }
}

/// Asserts that no read shows less than one that completed before its invocation.
pub fn assert_reads_grow(run: &Run) {
    for (read, answer) in succeeded(run, "read") {
        let before = succeeded(run, "read").filter(|(_, earlier)| earlier.index < read.index);
        let seen = before.map(|(_, earlier)| number(earlier)).max();
        assert!(
            Some(number(answer)) >= seen,
            "{seen:?} was seen before {answer:?}"
        );
    }
}
