//! Compares Eddy's results of each run literally with upstream's: for every run the statistics, the
//! availability and the exceptions; for the workloads of [`COMPARED`] also the workload's own
//! results, the verdict and the exit code.

use std::sync::Arc;

use eddy::check::{self, Results};
use eddy::edn::{self, Value};

use crate::{Recording, recordings, recordings_of};

/// A function that compares the `:workload` results of a workload.
type Compare = fn(&Recording, &Value, &Value, &mut Vec<String>);

/// The workloads whose own results are compared here.
const COMPARED: [(&str, Compare); 6] = [
    ("echo", echoes),
    ("unique-ids", unique_ids),
    ("broadcast", literally),
    ("g-set", literally),
    ("g-counter", literally),
    ("pn-counter", literally),
];

fn check(run: &Recording) -> Results {
    check::check(&run.history, &*run.workload, &run.settings, None)
}

/// Panics with every difference that `compare` finds in the runs of a workload.
fn golden(workload: &str) {
    let (_, compare) = COMPARED
        .into_iter()
        .find(|(compared, _)| *compared == workload)
        .expect("the workload is compared");
    let mut differences = Vec::new();
    for run in recordings_of(workload) {
        let results = check(&run);
        let actual = results.to_edn();
        let mut found = Vec::new();
        match (run.results.get("workload"), actual.get("workload")) {
            (Some(expected), Some(actual)) => compare(&run, expected, actual, &mut found),
            (expected, actual) => differ(":workload", &expected, &actual, &mut found),
        }
        let verdicts = (run.results.get("valid?"), actual.get("valid?"));
        if verdicts.0 != verdicts.1 {
            differ(":valid?", &verdicts.0, &verdicts.1, &mut found);
        }
        let exit_code = u64::from(results.verdict().exit_code());
        if exit_code != run.exit_code {
            differ("exit code", &run.exit_code, &exit_code, &mut found);
        }
        differences.extend(found.into_iter().map(|line| format!("{} {line}", run.name)));
    }
    assert!(differences.is_empty(), "\n{}\n", differences.join("\n"));
}

fn differ<T: std::fmt::Debug>(path: &str, expected: &T, actual: &T, found: &mut Vec<String>) {
    found.push(format!(
        "{path}: upstream has {expected:?}, here it is {actual:?}"
    ));
}

/// Collects the places in which two values differ. Lists count as vectors, and records as maps.
fn diff(path: &str, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    if let (Some(expected), Some(actual)) = (expected.as_map(), actual.as_map()) {
        for key in expected
            .keys()
            .chain(actual.keys().filter(|k| !expected.contains_key(k)))
        {
            let path = format!("{path} {key}");
            match (expected.get(key), actual.get(key)) {
                (Some(expected), Some(actual)) => diff(&path, expected, actual, found),
                (Some(value), None) => found.push(format!("{path}: upstream has {value}")),
                (None, Some(value)) => found.push(format!("{path}: upstream has no {value}")),
                (None, None) => unreachable!("the key is one of either map"),
            }
        }
    } else if let (Some(expected), Some(actual)) = (expected.as_seq(), actual.as_seq()) {
        if expected.len() != actual.len() {
            let (expected, actual) = (expected.len(), actual.len());
            found.push(format!(
                "{path}: upstream has {expected} items, here are {actual}"
            ));
        }
        for (i, (expected, actual)) in expected.iter().zip(actual).enumerate() {
            diff(&format!("{path} {i}"), expected, actual, found);
        }
    } else if expected != actual {
        found.push(format!(
            "{path}: upstream has {expected}, here it is {actual}"
        ));
    }
}

fn literally(_: &Recording, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    diff(":workload", expected, actual, found);
}

/// Compares literally, except for the order of the errors, which is arbitrary upstream.
fn echoes(run: &Recording, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    let sorted = |results: &Value| {
        let entries = results.as_map().expect("results are a map").iter();
        let entries = entries.map(|(key, value)| {
            let mut value = value.clone();
            if let Value::List(errors) = &mut value {
                Arc::make_mut(errors).sort();
            }
            (key.clone(), value)
        });
        Value::Map(entries.collect())
    };
    literally(run, &sorted(expected), &sorted(actual), found);
}

/// Compares literally, with two exceptions: the text of a failed checker's error, and whether the
/// end of a range is written 1 or 1.0.
fn unique_ids(run: &Recording, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    let comparable = |results: &Value| {
        let entries = results.as_map().expect("results are a map").iter();
        let entries = entries.map(|(key, value)| {
            let value = match (key.as_keyword(), value) {
                (Some("error"), _) => Value::Nil,
                (Some("range"), Value::Vector(ends)) => Value::vector(ends.iter().map(as_float)),
                _ => value.clone(),
            };
            (key.clone(), value)
        });
        Value::Map(entries.collect())
    };
    literally(run, &comparable(expected), &comparable(actual), found);
}

fn as_float(value: &Value) -> Value {
    match value {
        Value::Int(n) => (n.get() as f64).into(),
        other => other.clone(),
    }
}

#[test]
fn echo_results_equal_upstreams() {
    golden("echo");
}

#[test]
fn unique_ids_results_equal_upstreams() {
    golden("unique-ids");
}

#[test]
fn broadcast_results_equal_upstreams() {
    golden("broadcast");
}

#[test]
fn g_set_results_equal_upstreams() {
    golden("g-set");
}

#[test]
fn g_counter_results_equal_upstreams() {
    golden("g-counter");
}

#[test]
fn pn_counter_results_equal_upstreams() {
    golden("pn-counter");
}

#[test]
fn statistics_availability_and_exceptions_equal_upstreams() {
    let mut differences = Vec::new();
    let mut count = 0;
    for run in recordings() {
        count += 1;
        let actual = check(&run).to_edn();
        for key in ["stats", "availability", "exceptions"] {
            let mut found = Vec::new();
            let expected = run.results.get(key).expect("upstream has every section");
            let actual = actual.get(key).expect("every section is there");
            diff(&format!(":{key}"), expected, actual, &mut found);
            differences.extend(found.into_iter().map(|line| format!("{} {line}", run.name)));
        }
    }
    assert!(count > 70, "only {count} runs");
    assert!(differences.is_empty(), "\n{}\n", differences.join("\n"));
}

#[test]
fn difference_is_reported_with_its_path() {
    let value = |text| edn::parse(text).unwrap();
    let expected = value("{:a (1 2 {:b nil}), :c #op{:d 1.0}, :e 1}");
    let mut found = Vec::new();
    diff(
        "",
        &expected,
        &value("{:a [1 2 {:b nil}], :c {:d 1.0}, :e 1}"),
        &mut found,
    );
    assert!(found.is_empty(), "{found:?}");
    diff(
        "",
        &expected,
        &value("{:a [1 3 {:b 2} 4], :c {:d 1}, :f 1}"),
        &mut found,
    );
    assert_eq!(
        found,
        [
            " :a: upstream has 3 items, here are 4",
            " :a 1: upstream has 2, here it is 3",
            " :a 2 :b: upstream has nil, here it is 2",
            " :c :d: upstream has 1.0, here it is 1",
            " :e: upstream has 1",
            " :f: upstream has no 1",
        ]
    );
}
