//! The kafka checker against recorded histories and the verdicts that upstream gave them.
//!
//! Everything upstream reports under `:workload` must be equal, with three exceptions that the
//! recordings do not determine: which examples of a long list are shown, in which order, and the
//! texts of errors (they were removed from the recordings).

use std::collections::BTreeSet;

use eddy::check::log::{self, LogAnalysis};
use eddy::check::{Analysis, Verdict};
use eddy::edn::Value;

use crate::{Recording, recordings_of};

fn recorded() -> Vec<Recording> {
    recordings_of("kafka")
}

fn checked(run: &Recording) -> LogAnalysis {
    log::check(&run.history)
}

/// Returns the items of a list as a set, without their order.
fn as_set(list: &Value) -> BTreeSet<Value> {
    list.as_seq().unwrap().iter().cloned().collect()
}

#[test]
fn every_recorded_history_gets_upstreams_verdict_and_figures() {
    let runs = recorded();
    assert!(runs.len() >= 11, "found only {} recordings", runs.len());
    for run in runs {
        let (ours, theirs) = (checked(&run).to_edn(), run.workload_results());
        for (key, expected) in theirs.as_map().unwrap() {
            let name = key.as_keyword().unwrap();
            let found = ours.get(name).unwrap_or(&Value::Nil);
            let at = format!("{} {key}", run.name);
            match name {
                // Upstream gives an exception here, Eddy a reason.
                "error" => assert!(!found.is_nil(), "{at}"),
                "info-txn-causes" => assert_eq!(as_set(found), as_set(expected), "{at}"),
                _ if expected.get("errs").is_some() => same_errors(found, expected, &at),
                _ => assert_eq!(found, expected, "{at}"),
            }
        }
        let keys = |results: &Value| {
            results
                .as_map()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&ours), keys(theirs), "{}", run.name);
    }
}

/// Asserts that the counts are equal, and the examples as well if all are shown.
fn same_errors(found: &Value, expected: &Value, at: &str) {
    let count = |entry: &Value| entry.get("count").and_then(Value::as_int).unwrap();
    assert_eq!(count(found), count(expected), "{at}");
    let (found_errs, expected_errs) = (found.get("errs").unwrap(), expected.get("errs").unwrap());
    let shown = expected_errs.as_seq().unwrap().len();
    assert_eq!(found_errs.as_seq().unwrap().len(), shown, "{at}");
    if shown as i64 == count(expected) {
        assert_eq!(as_set(found_errs), as_set(expected_errs), "{at}");
    }
}

#[test]
fn every_verdict_that_is_not_valid_explains_itself() {
    for run in recorded() {
        let analysis = checked(&run);
        let explanation = analysis.explanation();
        match analysis.verdict() {
            Verdict::Valid => assert_eq!(explanation, None, "{}", run.name),
            _ => {
                let explanation = explanation.unwrap();
                for error in analysis.errors().keys() {
                    assert!(explanation.contains(error.name()), "{explanation}");
                }
                assert!(explanation.contains("op "), "{explanation}");
            }
        }
    }
}

#[test]
fn skipping_poll_is_explained_by_the_two_polls_around_the_gap() {
    let mut runs = recorded().into_iter();
    let run = runs.find(|run| run.name == "kafka-service-two");
    assert_eq!(
        checked(&run.unwrap()).explanation().unwrap(),
        "poll-skip (1): process 1 polled key \"7\" at offset 5 (message 6) in op 306, then at \
         offset 8 (message 9) in op 341; offsets 6..7 (messages 7, 8) were skipped"
    );
}
