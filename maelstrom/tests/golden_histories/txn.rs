//! Transaction histories recorded on Maelstrom get the verdict that Maelstrom gave them.

use std::collections::{BTreeMap, BTreeSet};

use eddy::check::txn::{TxnAnalysis, list_append, rw_register};
use eddy::check::{Analysis, Verdict};
use eddy::edn::Value;

use crate::{Recording, recordings_of};

/// A recorded run, and Eddy's results for it.
struct Judged {
    run: Recording,
    analysis: TxnAnalysis,
}

fn judged(workload: &str) -> Vec<Judged> {
    let check = match workload {
        "txn-list-append" => list_append::check,
        _ => rw_register::check,
    };
    let runs = recordings_of(workload).into_iter();
    runs.map(|run| Judged {
        analysis: check(&run.history, &run.models),
        run,
    })
    .collect()
}

fn verdict(map: &Value) -> Verdict {
    match map.get("valid?") {
        Some(Value::Bool(valid)) => Verdict::from_valid(*valid),
        _ => Verdict::Unknown,
    }
}

/// Returns the class of an anomaly that is a cycle: its shape, and the order in time that it needs.
fn class(anomaly: &str) -> Option<(&str, &str)> {
    let (shape, order) = match anomaly.rsplit_once('-') {
        Some((shape, order @ ("process" | "realtime"))) => (shape, order),
        _ => (anomaly, ""),
    };
    let shapes = [
        "G0",
        "G1c",
        "G-single-item",
        "G-nonadjacent-item",
        "G2-item",
    ];
    shapes.contains(&shape).then_some((shape, order))
}

/// Returns whether a cycle of one class implies the other class: it needs no stronger order in time
/// and no more anti-dependencies.
fn implies(class: (&str, &str), other: (&str, &str)) -> bool {
    let flow = ["G0", "G1c"];
    let anti = ["G-single-item", "G-nonadjacent-item", "G2-item"];
    let rank = |shapes: &[&str], shape: &str| shapes.iter().position(|known| *known == shape);
    let shape = [&flow[..], &anti].iter().any(|shapes| {
        rank(shapes, class.0)
            .zip(rank(shapes, other.0))
            .is_some_and(|(a, b)| a <= b)
    });
    shape && (class.1.is_empty() || class.1 == other.1 || other.1 == "realtime")
}

impl Judged {
    /// Returns the anomalies that Maelstrom reported, by name.
    fn expected(&self) -> BTreeMap<String, Value> {
        reported(self.run.workload_results())
    }

    fn compare(&self) {
        self.compare_verdicts();
        self.compare_anomalies_without_search();
        self.compare_models();
        self.compare_cycles();
    }

    fn compare_verdicts(&self) {
        assert_eq!(
            self.analysis.verdict(),
            verdict(self.run.workload_results()),
            "{}",
            self.run.name
        );
        let others = self.run.results.as_map().expect("results").iter();
        let others = others.filter(|(key, _)| key.as_keyword() != Some("workload"));
        let others = others.filter(|(_, value)| value.as_map().is_some());
        let whole = others
            .map(|(_, value)| verdict(value))
            .chain([self.analysis.verdict()])
            .max();
        let whole = whole.expect("there is a verdict");
        assert_eq!(
            u64::from(whole.exit_code()),
            self.run.exit_code,
            "{}",
            self.run.name
        );
        assert_eq!(
            self.analysis.explanation().is_some(),
            whole != Verdict::Valid,
            "{}",
            self.run.name
        );
    }

    /// Asserts that anomalies which are no cycles agree, including every example.
    fn compare_anomalies_without_search(&self) {
        let examples = |anomalies: BTreeMap<String, Value>| -> BTreeMap<String, BTreeSet<Value>> {
            let others = anomalies
                .into_iter()
                .filter(|(name, _)| class(name).is_none());
            others
                .filter(|(name, _)| name != "cycle-search-timeout")
                .map(|(name, value)| {
                    let all = value.as_seq().unwrap_or(std::slice::from_ref(&value));
                    let all = all
                        .iter()
                        .map(|example| comparable(&name, example))
                        .collect();
                    (name, all)
                })
                .collect()
        };
        let mut found = examples(reported(&self.analysis.to_edn()));
        found
            .entry("internal".into())
            .and_modify(|all| all.retain(|example| !after_nil(example)));
        found.retain(|_, all| !all.is_empty());
        assert_eq!(found, examples(self.expected()), "{}", self.run.name);
    }

    /// Returns whether Eddy reports what elle reports only since 0.2.7: a value that was read where
    /// the same transaction had read `nil`.
    fn reports_changes_after_nil(&self) -> bool {
        let found = reported(&self.analysis.to_edn());
        let internal = found.get("internal").and_then(Value::as_seq);
        internal.is_some_and(|all| all.iter().any(after_nil))
    }

    fn compare_models(&self) {
        if self.reports_changes_after_nil() {
            return;
        }
        for key in ["not", "also-not"] {
            let found = self.analysis.to_edn();
            assert_eq!(
                found.get(key),
                self.run.workload_results().get(key),
                "{} {key}",
                self.run.name
            );
        }
    }

    /// Asserts that Eddy finds every anomaly that Maelstrom found, or one that implies it, and
    /// nothing else. The numbers agree as well, except for runs in which Maelstrom's search was cut
    /// short or met cycles of several classes at once (a link in them is both a write and an
    /// anti-dependency).
    fn compare_cycles(&self) {
        let found = self.analysis.anomaly_types();
        let expected = self.expected();
        for name in expected.keys() {
            let Some(class_expected) = class(name) else {
                continue;
            };
            let mut found = found.iter().filter_map(|name| class(name));
            let implied = found.any(|class| implies(class, class_expected));
            assert!(implied, "{}: {name} was missed", self.run.name);
        }
        for name in found.iter().filter(|name| class(name).is_some()) {
            assert!(
                expected.contains_key(*name),
                "{}: {name} is new",
                self.run.name
            );
        }
        if !CUT_SHORT_OR_MIXED.contains(&self.run.name.as_str()) {
            let counts = self.analysis.anomalies();
            for (name, examples) in expected.iter().filter(|(name, _)| class(name).is_some()) {
                let count = examples.as_seq().expect("examples").len();
                assert_eq!(
                    counts.get(name.as_str()),
                    Some(&count),
                    "{}: {name}",
                    self.run.name
                );
            }
        }
    }
}

/// The runs in which Maelstrom put some cycles into another class, or did not find them in time.
const CUT_SHORT_OR_MIXED: [&str; 3] = [
    "list-append-noisolation-strict",
    "list-append-stale-strict",
    "rw-register-free-for-all",
];

/// Returns the anomalies in the results of a workload, with their examples.
fn reported(results: &Value) -> BTreeMap<String, Value> {
    let anomalies = results
        .get("anomalies")
        .and_then(Value::as_map)
        .into_iter()
        .flatten();
    let name = |key: &Value| key.as_keyword().expect("a name").to_owned();
    anomalies
        .map(|(key, examples)| (name(key), examples.clone()))
        .collect()
}

/// Returns whether an example of an internal anomaly is a value that was read after `nil`.
fn after_nil(example: &Value) -> bool {
    let expected = example.get("expected");
    expected.is_some_and(|expected| expected.is_nil() || expected.as_seq() == Some(&[]))
}

/// Returns an example without its arbitrary parts: the order of its transactions, and which two of
/// several incompatible lists it shows.
fn comparable(anomaly: &str, example: &Value) -> Value {
    let Value::Map(entries) = example else {
        return example.clone();
    };
    let entries = entries
        .iter()
        .filter(|(key, _)| anomaly != "incompatible-order" || key.as_keyword() != Some("values"));
    let entries = entries.map(|(key, value)| {
        let set = key.as_keyword() == Some("txns");
        let items = value
            .as_seq()
            .filter(|_| set)
            .map(|items| Value::set(items.iter().cloned()));
        (key.clone(), items.unwrap_or_else(|| value.clone()))
    });
    Value::Map(entries.collect())
}

#[test]
fn lists_get_maelstroms_verdicts() {
    judged("txn-list-append").iter().for_each(Judged::compare);
}

#[test]
fn registers_get_maelstroms_verdicts() {
    judged("txn-rw-register").iter().for_each(Judged::compare);
}
