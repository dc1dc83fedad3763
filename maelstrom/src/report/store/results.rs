//! `results.json`: the results of a run for programs.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::RunRecord;
use crate::check::{Finding, Results};
use crate::history::History;
use crate::report::style::verdict_name;
use crate::runner::Warning;
use crate::suite::Metrics;

/// The quantiles of latencies, with their names.
const QUANTILES: [(&str, f64); 5] = [
    ("min", 0.0),
    ("median", 0.5),
    ("95th", 0.95),
    ("99th", 0.99),
    ("max", 1.0),
];

/// A run with its results and everything else that is known about it.
#[derive(Clone, Copy)]
pub struct RunResults<'a> {
    /// The results of the checkers.
    pub results: &'a Results,
    /// The operations of the clients.
    pub history: &'a History,
    /// The parameters of the run, if they are known.
    pub record: Option<&'a RunRecord>,
    /// Warnings for the user, independent of the verdict.
    pub warnings: &'a [Warning],
    /// The run's page, if there is one.
    pub page: Option<&'a Path>,
    /// Whether the user ended the run early.
    pub is_interrupted: bool,
}

impl RunResults<'_> {
    /// Returns the content of `results.json`: upstream's results map, and beside it
    ///
    /// | key | content |
    /// |---|---|
    /// | `verdict` | `valid`, `invalid` or `unknown` |
    /// | `interrupted` | whether the user ended the run before its time |
    /// | `explanation` | `text`, and `findings` with `anomaly`, `text` and `operations` (indices in the history); `null` if there is nothing to explain |
    /// | `seed`, `options`, `command` | what was run; `null` if it is not known |
    /// | `figures` | numbers by name, with the names that suites use in their JSON |
    /// | `latencies` | milliseconds of operations that ended ok: `all`, and each function |
    /// | `warnings` | `kind`, `node`, `count` and `first` of each |
    /// | `page` | the path of the run's page |
    pub fn to_json(self) -> Json {
        let mut json = self.results.to_json();
        let metrics = Metrics::read(&self.results.to_edn(), self.history);
        let figures: BTreeMap<&str, f64> = metrics
            .figures
            .iter()
            .map(|(figure, value)| (figure.name(), *value))
            .collect();
        let record = self.record;
        let entries = [
            ("verdict", verdict_name(self.results.verdict()).into()),
            ("interrupted", self.is_interrupted.into()),
            ("explanation", self.explanation()),
            ("seed", json!(record.map(|record| record.seed))),
            ("options", json!(record)),
            (
                "command",
                json!(record.and_then(|record| record.command.as_ref())),
            ),
            ("figures", json!(figures)),
            ("latencies", self.latencies()),
            ("warnings", self.warnings.iter().map(warning).collect()),
            ("page", json!(self.page)),
        ];
        for (key, value) in entries {
            json[key] = value;
        }
        json
    }

    fn explanation(&self) -> Json {
        let findings = self.results.findings();
        let text = self.results.explanation();
        if text.is_none() && findings.is_empty() {
            return Json::Null;
        }
        let findings: Json = findings.iter().map(finding).collect();
        json!({ "text": text, "findings": findings })
    }

    fn latencies(&self) -> Json {
        let of = |f: Option<&str>| -> BTreeMap<&str, f64> {
            let latencies = self.history.ok_latencies(f);
            let quantile = |(name, quantile)| {
                let latency = latencies.quantile(quantile)?;
                Some((name, latency.as_secs_f64() * 1000.0))
            };
            QUANTILES.into_iter().filter_map(quantile).collect()
        };
        let functions = self.results.stats().by_f.keys();
        let by_f: BTreeMap<&String, _> = functions.map(|f| (f, of(Some(f)))).collect();
        json!({ "unit": "ms", "all": of(None), "by-f": by_f })
    }
}

fn finding(finding: &Finding) -> Json {
    json!({
        "anomaly": finding.anomaly,
        "text": finding.text,
        "operations": finding.operations,
    })
}

fn warning(warning: &Warning) -> Json {
    json!({
        "kind": warning.kind.name(),
        "node": warning.node,
        "count": warning.count,
        "first": warning.first,
    })
}
