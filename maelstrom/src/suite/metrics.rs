//! The figures of a run, read from its results and its history, whichever bench wrote them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;

use crate::check::Verdict;
use crate::edn::{Float, Value};
use crate::history::History;

/// A figure of a run, for which a suite may set a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum Figure {
    /// The fraction of operations that ended ok.
    Ok,
    /// Messages between servers for each operation.
    MsgsPerOp,
    /// The median latency, in ms.
    Median,
    /// The 95th percentile of the latencies, in ms.
    P95,
    /// The 99th percentile of the latencies, in ms.
    P99,
    /// The greatest latency, in ms.
    Max,
    /// Kafka's worst realtime lag, in ms.
    Lag,
    /// A figure of the workload's own analysis, by its key under `:workload` in the results, such
    /// as `failover-median-ms`. Targets are upper bounds.
    Workload(String),
}

impl Figure {
    /// The figures that any workload may have, in the order of the table.
    pub const COMMON: [Figure; 7] = [
        Figure::Ok,
        Figure::MsgsPerOp,
        Figure::Median,
        Figure::P95,
        Figure::P99,
        Figure::Max,
        Figure::Lag,
    ];

    /// Returns the name in tables and in JSON.
    pub fn name(&self) -> &str {
        match self {
            Figure::Ok => "ok-fraction",
            Figure::MsgsPerOp => "msgs/op",
            Figure::Median => "median ms",
            Figure::P95 => "95th ms",
            Figure::P99 => "99th ms",
            Figure::Max => "max ms",
            Figure::Lag => "lag ms",
            Figure::Workload(name) => name,
        }
    }

    /// Returns whether a value reaches a target.
    pub fn is_within(&self, value: f64, target: f64) -> bool {
        match self.is_least() {
            true => value >= target,
            false => value <= target,
        }
    }

    /// Returns whether targets are lower bounds.
    pub fn is_least(&self) -> bool {
        *self == Figure::Ok
    }
}

impl TryFrom<String> for Figure {
    type Error = String;

    /// Parses the name under which a suite sets a target. Names with a hyphen are the workload's.
    fn try_from(name: String) -> Result<Figure, String> {
        Ok(match &*name {
            "ok" => Figure::Ok,
            "msgs_per_op" => Figure::MsgsPerOp,
            "median" => Figure::Median,
            "p95" => Figure::P95,
            "p99" => Figure::P99,
            "max" => Figure::Max,
            "lag" => Figure::Lag,
            _ if name.contains('-') => Figure::Workload(name),
            _ => return Err(format!("there is no figure {name}")),
        })
    }
}

/// The figures of one run.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// The verdict.
    pub verdict: Verdict,
    /// The figures; those that the workload does not have are missing.
    pub figures: BTreeMap<Figure, f64>,
    /// The figures of the workload that this run could not measure, such as the time of a failover
    /// if no leader failed.
    pub unmeasured: BTreeSet<Figure>,
    /// The directory of the run, if it is known.
    pub directory: Option<PathBuf>,
}

impl Metrics {
    /// Reads the figures from a results map with upstream's keys and the history that it is about.
    pub fn read(results: &Value, history: &History) -> Metrics {
        let mut figures = BTreeMap::new();
        let at = |path: &[&str]| path.iter().try_fold(results, |value, key| value.get(key));
        let number = |path: &[&str]| at(path).and_then(as_number);
        let mut note = |figure, value: Option<f64>| {
            figures.extend(value.map(|value| (figure, value)));
        };
        note(Figure::Ok, number(&["availability", "ok-fraction"]));
        note(
            Figure::MsgsPerOp,
            number(&["net", "servers", "msgs-per-op"]),
        );
        let seconds = number(&["workload", "worst-realtime-lag", "lag"]);
        note(Figure::Lag, seconds.map(|seconds| seconds * 1000.0));
        let quantiles = [
            (Figure::Median, 0.5),
            (Figure::P95, 0.95),
            (Figure::P99, 0.99),
            (Figure::Max, 1.0),
        ];
        let stable = at(&["workload", "stable-latencies"]).and_then(Value::as_map);
        let latencies = history.ok_latencies(None);
        for (figure, quantile) in quantiles {
            note(
                figure,
                match stable {
                    Some(map) => map
                        .iter()
                        .find(|(key, _)| as_number(key) == Some(quantile))
                        .and_then(|(_, ms)| as_number(ms)),
                    None => latencies
                        .quantile(quantile)
                        .map(|latency| latency.as_secs_f64() * 1000.0),
                },
            );
        }
        let mut unmeasured = BTreeSet::new();
        for (key, value) in at(&["workload"])
            .and_then(Value::as_map)
            .into_iter()
            .flatten()
        {
            let name = key.as_keyword().filter(|name| name.contains('-'));
            let Some(figure) = name.map(|name| Figure::Workload(name.to_owned())) else {
                continue;
            };
            if let Some(value) = as_number(value) {
                figures.insert(figure, value);
            } else if value.is_nil() {
                unmeasured.insert(figure);
            }
        }
        Metrics {
            verdict: Verdict::of_results(results),
            figures,
            unmeasured,
            directory: None,
        }
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(n) => Some(n.get() as f64),
        Value::Float(Float(x)) => Some(*x),
        _ => None,
    }
}
