//! Histories written for the purpose: each anomaly, and near it a history without.

mod anomalies;
mod boundaries;
mod properties;

use std::time::Duration;

use super::{LogAnalysis, check};
use crate::check::{Analysis, Verdict};
use crate::edn;
use crate::history::{History, Kind, Operation, Process};

/// A history from lines `process kind f value`.
///
/// A completion whose invocation is not written out has it directly before it. The *n*th entry
/// happens after *n* seconds.
pub(super) fn history(text: &str) -> History {
    let mut history = History::default();
    let mut open = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.splitn(4, ' ').collect();
        let [process, kind, f, value] = fields[..] else {
            panic!("expected `process kind f value`, found {line:?}");
        };
        let kinds = [Kind::Invoke, Kind::Ok, Kind::Fail, Kind::Info];
        let operation = Operation {
            index: 0,
            time: Duration::ZERO,
            kind: *kinds.iter().find(|k| k.name() == kind).expect("a kind"),
            process: Process::Client(process.parse().expect("a process")),
            f: f.to_owned().into(),
            value: edn::parse(value).expect("EDN"),
            error: None,
            exception: None,
            extra: Vec::new(),
        };
        if operation.kind == Kind::Invoke {
            open.push(operation.process);
        } else if !open.contains(&operation.process) {
            let invocation = Operation {
                kind: Kind::Invoke,
                ..operation.clone()
            };
            append(&mut history, invocation);
        } else {
            open.retain(|process| *process != operation.process);
        }
        append(&mut history, operation);
    }
    history
}

fn append(history: &mut History, mut operation: Operation) {
    operation.time = Duration::from_secs(history.len() as u64);
    history.push(operation);
}

/// Checks a history, and that what the analysis says in numbers, in the results and in words agrees.
pub(super) fn analysis(text: &str) -> LogAnalysis {
    let analysis = check(&history(text));
    let (results, explanation) = (analysis.to_edn(), analysis.explanation());
    assert_eq!(
        results.get("valid?"),
        Some(&analysis.verdict().to_edn()),
        "{results}"
    );
    assert_eq!(
        explanation.is_some(),
        analysis.verdict() != Verdict::Valid,
        "{results}"
    );
    for error in analysis.errors().keys() {
        assert!(results.get(error.name()).is_some(), "{results}");
        let explained = explanation
            .iter()
            .any(|text| text.contains(&format!("{} (", error.name())));
        assert_eq!(explained, error.invalidates(), "{explanation:?}");
    }
    analysis
}

/// The types of the errors in a history, as `name` or, of several, `name*count`.
pub(super) fn errors(text: &str) -> String {
    let analysis = analysis(text);
    let errors = analysis.errors().iter().map(|(error, count)| match count {
        1 => error.name().to_owned(),
        _ => format!("{}*{count}", error.name()),
    });
    errors.collect::<Vec<_>>().join(" ")
}
