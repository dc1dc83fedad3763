//! The record of a run, which is written before it starts.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Zoned;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::check::Availability;
use crate::seed::Seed;
use crate::workload::{Settings, Workload};

/// The parameters of a run: enough to judge its history later, and to distinguish it from other
/// runs.
///
/// It is the content of `test.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunRecord {
    /// The name of the workload.
    pub workload: String,
    /// The time at which the run started, with the offset of its time zone.
    pub started: String,
    /// The version of Eddy.
    pub eddy: String,
    /// The run in one line, for people.
    #[serde(default)]
    pub description: String,
    /// The command that repeats the run.
    #[serde(default)]
    pub command: Option<String>,
    /// The node program and its arguments; empty for simulated nodes.
    #[serde(default)]
    pub program: Vec<String>,
    /// The seed of all random draws.
    pub seed: u64,
    /// The names of the nodes.
    pub nodes: Vec<String>,
    /// The number of client threads.
    pub concurrency: usize,
    /// Operations per second over all clients.
    pub rate: f64,
    /// The length of the main phase, in seconds.
    pub time_limit_s: f64,
    /// The mean latency between servers, in milliseconds.
    pub latency_ms: f64,
    /// The shape of the latency, such as `exponential`.
    #[serde(default)]
    pub latency_dist: Option<String>,
    /// The names of the faults.
    #[serde(default)]
    pub faults: Vec<String>,
    /// The mean time between faults, in seconds.
    #[serde(default)]
    pub fault_interval_s: Option<f64>,
    /// The required availability: `total`, or a number from 0 to 1.
    #[serde(default)]
    pub availability: Option<String>,
    /// The workload's own options, by name.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

impl RunRecord {
    /// Records a run of `workload` with these settings that starts now. The parameters that
    /// settings do not contain (the program, the shape of the latency, the faults) are left empty.
    pub fn new(workload: &str, settings: &Settings, seed: Seed) -> RunRecord {
        let options = settings.options.iter();
        RunRecord {
            workload: workload.to_owned(),
            started: Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            eddy: crate::VERSION.to_owned(),
            description: String::new(),
            command: None,
            program: Vec::new(),
            seed: seed.0,
            nodes: settings.nodes.clone(),
            concurrency: settings.concurrency,
            rate: settings.rate,
            time_limit_s: settings.time_limit.as_secs_f64(),
            latency_ms: settings.latency.as_secs_f64() * 1000.0,
            latency_dist: None,
            faults: Vec::new(),
            fault_interval_s: None,
            availability: settings.availability.map(|required| match required {
                Availability::Total => "total".to_owned(),
                Availability::Fraction(fraction) => fraction.to_string(),
            }),
            options: options
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// Returns the settings with which the run's history is judged. Values that the workload does
    /// not accept (they may come from another version) are left at their defaults.
    pub fn settings(&self, workload: &dyn Workload) -> Settings {
        let mut settings = Settings {
            rate: self.rate,
            concurrency: self.concurrency,
            latency: seconds(self.latency_ms / 1000.0),
            time_limit: seconds(self.time_limit_s),
            availability: self
                .availability
                .as_ref()
                .and_then(|text| text.parse().ok()),
            ..Settings::new(workload, self.nodes.clone())
        };
        for spec in workload.options() {
            if let Some(value) = self.options.get(&*spec.name)
                && spec.accept(value).is_ok()
            {
                settings.options.set(spec.name, value);
            }
        }
        settings
    }

    /// Returns the options of the run as names and values, the workload's own after the common
    /// ones. Two runs with the same program and options differ only by chance.
    pub fn options(&self) -> Vec<(String, String)> {
        let faults = match (&self.faults[..], self.fault_interval_s) {
            ([], _) => "none".to_owned(),
            (faults, None) => faults.join(","),
            (faults, Some(interval)) => format!("{} every {interval} s", faults.join(",")),
        };
        let shape = self.latency_dist.as_deref().unwrap_or("constant");
        let common = [
            ("program", self.program.join(" ")),
            ("nodes", nodes(&self.nodes)),
            ("concurrency", self.concurrency.to_string()),
            ("rate", self.rate.to_string()),
            ("time-limit", format!("{} s", self.time_limit_s)),
            ("latency", format!("{} ms {shape}", self.latency_ms)),
            ("nemesis", faults),
            (
                "availability",
                self.availability.clone().unwrap_or("–".to_owned()),
            ),
        ];
        let common = common.map(|(name, value)| (name.to_owned(), value));
        let own = self.options.iter();
        let own = own.map(|(name, value)| (name.clone(), value.clone()));
        common.into_iter().chain(own).collect()
    }

    pub(super) fn to_json(&self) -> Json {
        serde_json::to_value(self).unwrap_or_else(|error| json!({ "error": error.to_string() }))
    }
}

/// Returns a duration; zero for an invalid number, such as a negative one in a file.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Returns the number of nodes and their names, as far as they fit on a line.
fn nodes(names: &[String]) -> String {
    match names {
        [] => "–".to_owned(),
        [first, .., last] if names.len() > 5 => format!("{} ({first} to {last})", names.len()),
        names => format!("{} ({})", names.len(), names.join(",")),
    }
}
