//! The runs of a store, as the list shows them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::check::Verdict;
use crate::edn::{self, Float, Value};
use crate::report::runs::is_run;
use crate::report::style::verdict_name;
use crate::report::{RunDirectory, RunState};

/// A run.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// The workload.
    pub workload: String,
    /// The name of its directory, which is the time at which it began.
    pub time: String,
    /// The status: `valid`, `unknown`, `invalid`, `broke off`, `died` or `running`.
    pub status: &'static str,
    /// The description of the run in one line, without the seed.
    pub description: String,
    /// The seed.
    pub seed: String,
    /// The results; `None` if there are none.
    pub results: Option<Value>,
}

impl Run {
    /// Reads the run in a directory of the store; `None` if there is none.
    pub fn read(root: &Path, place: &Path) -> Option<Run> {
        let mut names = place
            .strip_prefix(root)
            .ok()?
            .iter()
            .map(|name| name.to_str());
        let (workload, time) = (names.next()??, names.next()??);
        if names.next().is_some() || !is_run(place) {
            return None;
        }
        let directory = RunDirectory::open(place);
        let results = fs::read_to_string(place.join("results.edn")).ok();
        let results = results.and_then(|text| edn::parse(&text).ok());
        let status = match (&results, directory.state()) {
            (Some(results), _) => verdict_name(Verdict::of_results(results)),
            (None, RunState::Running) => "running",
            (None, RunState::BrokeOff(_)) => "broke off",
            (None, _) => "died",
        };
        let record = directory.record().ok().flatten();
        let (seed, description) = record.map_or_else(Default::default, |record| {
            let text = record.description;
            let without_seed = text.split_once(": ").map(|(_, rest)| rest.to_owned());
            (record.seed.to_string(), without_seed.unwrap_or(text))
        });
        Some(Run {
            workload: workload.to_owned(),
            time: time.to_owned(),
            status,
            description,
            seed,
            results,
        })
    }

    /// Returns the address of its directory.
    pub fn path(&self) -> String {
        format!("{}/{}", self.workload, self.time)
    }

    /// Returns the start time in the form `2026-11-25 12:55:24`.
    pub fn readable_time(&self) -> String {
        let digits: Vec<char> = self.time.chars().collect();
        let is_time = digits.len() >= 15 && digits[8] == 'T';
        if !is_time {
            return self.time.clone();
        }
        let part = |range: std::ops::Range<usize>| digits[range].iter().collect::<String>();
        format!(
            "{}-{}-{} {}:{}:{}",
            part(0..4),
            part(4..6),
            part(6..8),
            part(9..11),
            part(11..13),
            part(13..15)
        )
    }

    /// Returns a number of the results.
    pub fn figure(&self, path: &[&str]) -> Option<f64> {
        let results = self.results.as_ref()?;
        let value = path.iter().try_fold(results, |value, key| value.get(key))?;
        number(value)
    }

    /// Returns the quantile of the stable latencies, in milliseconds.
    pub fn stable_latency(&self, quantile: f64) -> Option<f64> {
        let results = self.results.as_ref()?;
        let latencies = results.get("workload")?.get("stable-latencies")?.as_map()?;
        let mut latencies = latencies.iter();
        let (_, latency) = latencies.find(|(key, _)| number(key) == Some(quantile))?;
        number(latency)
    }
}

/// Returns a value as a number, if it is one.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(number.get() as f64),
        Value::Float(Float(number)) => Some(*number),
        _ => None,
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// Reads the runs of a store. A finished run is read only once.
#[derive(Default)]
pub(super) struct Runs {
    known: Mutex<BTreeMap<PathBuf, (SystemTime, Run)>>,
}

impl Runs {
    /// Returns all runs, the newest first.
    pub fn read(&self, root: &Path) -> Vec<Run> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut runs = Vec::new();
        for workload in directories(root) {
            for time in directories(&root.join(&workload)) {
                let place = root.join(&workload).join(&time);
                let written = modified(&place.join("results.edn"));
                let cached = known.get(&place).filter(|(at, _)| Some(*at) == written);
                let run = match cached {
                    Some((_, run)) => Some(run.clone()),
                    None => Run::read(root, &place),
                };
                if let (Some(run), Some(written)) = (&run, written) {
                    known.insert(place, (written, run.clone()));
                }
                runs.extend(run);
            }
        }
        runs.sort_by(|a, b| b.time.cmp(&a.time));
        runs
    }
}

/// Returns the directories in a directory, without symbolic links.
fn directories(place: &Path) -> Vec<String> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}
