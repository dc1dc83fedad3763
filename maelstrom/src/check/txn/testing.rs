//! Small histories for the tests of checkers.

use std::borrow::Cow;
use std::time::Duration;

use super::TxnAnalysis;
use crate::check::{Analysis, Verdict};
use crate::edn::{self, Value};
use crate::history::{History, Kind, Operation, Process};

/// An entry of a history: process 0 does `[[:append x 1]]`, and so on. Times are made up from
/// positions.
pub fn entry(index: usize, process: u64, kind: Kind, value: Value) -> Operation {
    Operation {
        index,
        time: Duration::from_millis(index as u64),
        kind,
        process: Process::Client(process),
        f: Cow::Borrowed("txn"),
        value,
        error: None,
        exception: None,
        extra: Vec::new(),
    }
}

/// One transaction, such as `[[:append x 1] [:r y [2 3]]]`, perhaps with `fail` or `info` before.
fn parse(txn: &str) -> (Kind, Value) {
    let (kind, text) = match txn.split_once(' ') {
        Some(("fail", text)) => (Kind::Fail, text),
        Some(("info", text)) => (Kind::Info, text),
        _ => (Kind::Ok, txn),
    };
    (kind, edn::parse(text).expect("a transaction in EDN"))
}

/// What one asks for: the reads are still empty.
fn invoked(value: &Value) -> Value {
    let steps = value
        .as_seq()
        .expect("steps")
        .iter()
        .map(|step| match step.as_seq() {
            Some([f, key, _]) if f.as_keyword() == Some("r") => {
                Value::vector([f.clone(), key.clone(), Value::Nil])
            }
            _ => step.clone(),
        });
    Value::vector(steps)
}

/// Transactions that all began before any of them ended, each in a process of its own.
pub fn concurrent(txns: &[&str]) -> History {
    let txns: Vec<(Kind, Value)> = txns.iter().map(|txn| parse(txn)).collect();
    let begins = txns
        .iter()
        .map(|(_, value)| (Kind::Invoke, invoked(value)))
        .enumerate();
    let ends = txns.iter().cloned().enumerate();
    let entries = begins
        .chain(ends)
        .map(|(process, (kind, value))| (process as u64, kind, value));
    History::new(entries.map(|(process, kind, value)| entry(0, process, kind, value)))
}

/// Transactions one after another, each with the process that does it.
pub fn sequential(txns: &[(u64, &str)]) -> History {
    let entries = txns.iter().flat_map(|&(process, txn)| {
        let (kind, value) = parse(txn);
        [
            (process, Kind::Invoke, invoked(&value)),
            (process, kind, value),
        ]
    });
    let timed = entries.enumerate();
    History::new(timed.map(|(i, (process, kind, value))| entry(i, process, kind, value)))
}

/// Models by name.
pub fn models(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Asserts that a checker finds `anomalies` and nothing else in a history under a model that
/// forbids them, explains them, and gives the verdict `invalid`; none of them means `valid`.
#[track_caller]
pub fn assert_finds(analysis: &TxnAnalysis, anomalies: &[&str]) {
    assert_eq!(
        analysis.anomaly_types(),
        anomalies,
        "{:#?}",
        analysis.explanation()
    );
    assert_eq!(
        analysis.verdict(),
        Verdict::from_valid(anomalies.is_empty())
    );
    assert_eq!(analysis.explanation().is_none(), anomalies.is_empty());
}
