//! The figures of a run, read off its results and its history, whichever bench wrote them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::check::Verdict;
use crate::edn::{Float, Value};
use crate::history::History;

/// A figure that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
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
}

impl Figure {
    /// All figures, in the order of the table.
    pub const ALL: [Figure; 7] = [
        Figure::Ok,
        Figure::MsgsPerOp,
        Figure::Median,
        Figure::P95,
        Figure::P99,
        Figure::Max,
        Figure::Lag,
    ];

    /// The column's head.
    pub fn name(self) -> &'static str {
        match self {
            Figure::Ok => "ok-fraction",
            Figure::MsgsPerOp => "msgs/op",
            Figure::Median => "median ms",
            Figure::P95 => "95th ms",
            Figure::P99 => "99th ms",
            Figure::Max => "max ms",
            Figure::Lag => "lag ms",
        }
    }

    /// Whether targets are lower bounds.
    pub fn is_least(self) -> bool {
        self == Figure::Ok
    }
}

/// The figures of one run.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// The verdict.
    pub verdict: Verdict,
    /// Its figures; those that the workload does not have are missing.
    pub figures: BTreeMap<Figure, f64>,
}

impl Metrics {
    /// Reads figures off a results map with upstream's keys and the history that it is about.
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
        Metrics {
            verdict: Verdict::of_results(results),
            figures,
        }
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(n) => Some(*n as f64),
        Value::Float(Float(x)) => Some(*x),
        _ => None,
    }
}
