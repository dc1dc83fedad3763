//! What was found in a history, and what the models asked for make of it.

use std::collections::{BTreeMap, BTreeSet};

use super::anomaly::{Anomaly, Order};
use super::explain::{DataType, Explainer, Finding, line};
use super::graph::{Dependencies, Graph, Relation};
use super::model::{self, Boundary, Model};
use super::order::TimeOrder;
use super::search;
use super::transaction::Transactions;
use crate::check::{Analysis, Verdict};
use crate::edn::Value;

/// How many examples of one anomaly are kept, each with whole transactions.
const EXAMPLES_MAX: usize = 1_000;

/// How many anomalies are explained in words.
const EXPLAINED_MAX: usize = 3;

/// Everything that was found of one anomaly.
#[derive(Clone, Debug, Default)]
struct Findings {
    count: usize,
    examples: Vec<Finding>,
}

/// The anomalies of a history.
#[derive(Clone, Debug, Default)]
pub struct Found(BTreeMap<Anomaly, Findings>);

impl Found {
    /// Adds one.
    pub fn add(&mut self, anomaly: Anomaly, finding: impl FnOnce() -> Finding) {
        let findings = self.0.entry(anomaly).or_default();
        findings.count += 1;
        if findings.examples.len() < EXAMPLES_MAX {
            findings.examples.push(finding());
        }
    }
}

/// Why a history could not be judged.
#[derive(Clone, Debug)]
pub struct Failure {
    /// In words.
    pub error: String,
    /// Whether Maelstrom then judges nothing else of the run either.
    pub aborts_run: bool,
}

impl Failure {
    /// A failure that concerns only this checker.
    pub fn new(error: String) -> Failure {
        Failure {
            error,
            aborts_run: false,
        }
    }
}

/// The models that a run was asked to satisfy.
pub struct Requested {
    forbidden: BTreeSet<Anomaly>,
    unknown: Option<String>,
}

impl Requested {
    /// The models of these names. One that is not known makes the verdict unknown.
    pub fn of(names: &[String]) -> Requested {
        let models = names.iter().filter_map(|name| model::named(name));
        let unknown = names.iter().find(|name| model::named(name).is_none());
        Requested {
            forbidden: models.flat_map(Model::forbidden).collect(),
            unknown: unknown.cloned(),
        }
    }

    /// The strongest order in time that a forbidden cycle may need. Stronger ones would only add
    /// links.
    fn order(&self) -> Order {
        let order = |anomaly: &Anomaly| match anomaly {
            Anomaly::Cycle(class) => class.order,
            _ => Order::Data,
        };
        self.forbidden
            .iter()
            .map(order)
            .max()
            .unwrap_or(Order::Data)
    }
}

/// Looks for cycles of dependencies in the data, and in the order that the models ask for.
///
/// `prefer` ranks the relations by which two transactions may be linked at once.
pub fn find_cycles<'h>(
    txns: &Transactions<'h>,
    dependencies: &dyn Dependencies<'h>,
    data: DataType,
    requested: &Requested,
    prefer: fn(Relation) -> u8,
    found: &mut Found,
) {
    let order = match requested.order() {
        Order::Data => None,
        Order::Process => Some(TimeOrder::process(txns)),
        Order::Realtime => Some(TimeOrder::realtime(txns)),
    };
    let mut sources = vec![dependencies];
    sources.extend(order.iter().map(|order| order as &dyn Dependencies<'h>));
    let graph = Graph::of(txns.all.len(), &sources, prefer);
    if graph.is_empty() {
        let words = "no transaction depends on another: there is nothing to judge".to_owned();
        found.add(Anomaly::EmptyTransactionGraph, || Finding {
            edn: true.into(),
            words,
        });
    }
    let explainer = Explainer {
        txns,
        sources: &sources,
        data,
    };
    let relation = |first, second| {
        graph
            .relation(first, second)
            .expect("a cycle follows links")
    };
    for cycle in search::cycles(&graph) {
        found.add(Anomaly::Cycle(cycle.class), || {
            explainer.cycle(&cycle, relation)
        });
    }
}

/// The analysis of a history of transactions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TxnAnalysis {
    data: DataType,
    failure: Option<Failure>,
    found: Found,
    /// Which of the anomalies found count.
    reported: BTreeSet<Anomaly>,
    boundary: Boundary,
}

impl TxnAnalysis {
    pub(super) fn new(
        data: DataType,
        requested: &Requested,
        found: Found,
        failure: Option<Failure>,
    ) -> TxnAnalysis {
        let all: BTreeSet<Anomaly> = found.0.keys().copied().collect();
        let counts = |anomaly: &Anomaly| {
            requested.forbidden.contains(anomaly) || *anomaly == Anomaly::EmptyTransactionGraph
        };
        let unknown_model = requested
            .unknown
            .as_ref()
            .map(|name| Failure::new(format!("there is no consistency model called {name}")));
        TxnAnalysis {
            data,
            failure: unknown_model.or(failure),
            reported: all.iter().copied().filter(counts).collect(),
            boundary: model::boundary(&all),
            found,
        }
    }

    /// The names of the anomalies that count under the models asked for, sorted.
    pub fn anomaly_types(&self) -> Vec<&'static str> {
        names(&self.reported)
    }

    /// The names of all anomalies found with how often, sorted; those that the models asked for
    /// permit are among them.
    pub fn anomalies(&self) -> BTreeMap<&'static str, usize> {
        let found = self.found.0.iter();
        found
            .map(|(anomaly, findings)| (anomaly.name(), findings.count))
            .collect()
    }

    /// Each anomaly found, by name: what it means, and all examples kept, in words.
    pub fn descriptions(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.found.0.iter().map(|(anomaly, findings)| {
            let mut text = String::new();
            let (meaning, count) = (anomaly.meaning(), findings.count);
            line(&mut text, format_args!("{meaning}\nfound: {count}"));
            for example in &findings.examples {
                line(&mut text, format_args!("\n{}", example.words));
            }
            (anomaly.name(), text)
        })
    }

    /// The models that the run violates, whether asked for or not.
    pub fn boundary(&self) -> &Boundary {
        &self.boundary
    }
}

fn names<'a>(anomalies: impl IntoIterator<Item = &'a Anomaly>) -> Vec<&'static str> {
    let mut names: Vec<_> = anomalies
        .into_iter()
        .map(|anomaly| anomaly.name())
        .collect();
    names.sort_unstable();
    names
}

impl Analysis for TxnAnalysis {
    /// Upstream's search for dirty updates gives up on an element that was never appended.
    fn aborts_run(&self) -> bool {
        self.failure
            .as_ref()
            .is_some_and(|failure| failure.aborts_run)
    }

    fn verdict(&self) -> Verdict {
        let empty = BTreeSet::from([Anomaly::EmptyTransactionGraph]);
        match self.data {
            _ if self.failure.is_some() => Verdict::Unknown,
            // For registers, Maelstrom counts an empty graph like any other anomaly.
            DataType::List if self.reported == empty => Verdict::Unknown,
            _ => Verdict::from_valid(self.reported.is_empty()),
        }
    }

    fn to_edn(&self) -> Value {
        let verdict = ("valid?", self.verdict().to_edn());
        if let Some(failure) = &self.failure {
            return Value::map([verdict, ("error", failure.error.as_str().into())]);
        }
        let types = Value::list(self.anomaly_types().into_iter().map(Value::keyword));
        if self.reported.is_empty() {
            return match self.data {
                DataType::List => Value::map([verdict]),
                DataType::Register => {
                    Value::map([verdict, ("anomaly-types", types), ("anomalies", Value::Nil)])
                }
            };
        }
        let anomalies = self.reported.iter().map(|anomaly| {
            let examples = &self.found.0[anomaly].examples;
            let edn = match anomaly {
                Anomaly::EmptyTransactionGraph => true.into(),
                _ => Value::vector(examples.iter().map(|example| example.edn.clone())),
            };
            (anomaly.name(), edn)
        });
        let set = |names: &BTreeSet<&'static str>| {
            Value::set(names.iter().map(|name| Value::keyword(*name)))
        };
        Value::map([
            verdict,
            ("anomaly-types", types),
            ("anomalies", Value::map(anomalies)),
            ("not", set(&self.boundary.not)),
            ("also-not", set(&self.boundary.also_not)),
        ])
    }

    fn explanation(&self) -> Option<String> {
        if self.verdict() == Verdict::Valid {
            return None;
        }
        let mut text = String::new();
        let mut shown: Vec<Anomaly> = match &self.failure {
            Some(failure) => {
                line(&mut text, format_args!("{}", failure.error));
                self.found.0.keys().copied().collect()
            }
            None => self.reported.iter().copied().collect(),
        };
        // It explains something only where nothing else does.
        if self.failure.is_some() || shown.len() > 1 {
            shown.retain(|anomaly| *anomaly != Anomaly::EmptyTransactionGraph);
        }
        for anomaly in shown.iter().take(EXPLAINED_MAX) {
            let findings = &self.found.0[anomaly];
            let smallest = findings
                .examples
                .iter()
                .min_by_key(|example| example.words.len());
            let words = smallest
                .map_or("", |example| &example.words)
                .replace('\n', "\n  ");
            let (name, meaning) = (anomaly.name(), anomaly.meaning());
            let more = match findings.count {
                1 => String::new(),
                count => format!(" (the smallest of {count})"),
            };
            line(
                &mut text,
                format_args!("{name}: {meaning}{more}\n  {words}"),
            );
        }
        if let Some(more @ [_, ..]) = shown.get(EXPLAINED_MAX..) {
            line(
                &mut text,
                format_args!("also found: {}", names(more).join(", ")),
            );
        }
        Some(text)
    }
}
