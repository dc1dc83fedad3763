//! The runs of a store, as a table.

use std::fs;
use std::path::{Path, PathBuf};

use super::{RunDirectory, RunState};
use crate::suite::aligned;

/// Returns the directories of all runs in a store, the newest first.
pub fn find_runs(store: &Path) -> Vec<PathBuf> {
    let mut runs: Vec<PathBuf> = directories(store)
        .iter()
        .flat_map(|workload| directories(workload))
        .filter(|run| is_run(run))
        .collect();
    // Sort by name, which is the time of the run.
    runs.sort_by(|a, b| b.file_name().cmp(&a.file_name()));
    runs
}

/// Returns a table of the newest `number` runs of a store.
pub fn list_runs(store: &Path, number: usize) -> String {
    let runs = find_runs(store);
    if runs.is_empty() {
        return format!("There are no runs in {}.\n", store.display());
    }
    let mut lines = vec![
        ["run", "verdict", "operations", "ok", "what"]
            .map(str::to_owned)
            .to_vec(),
    ];
    lines.extend(runs.iter().take(number).map(|path| line(path)));
    let hidden = runs.len().saturating_sub(number);
    let more = match hidden {
        0 => String::new(),
        _ => format!("… and {hidden} older runs (--number 0 shows all)\n"),
    };
    aligned(&lines) + &more
}

fn line(path: &Path) -> Vec<String> {
    let run = RunDirectory::open(path);
    let results = run.results_json().unwrap_or_default();
    let verdict = match run.state() {
        RunState::Finished if results["interrupted"] == true => "interrupted".to_owned(),
        RunState::Finished => match results["valid?"].as_bool() {
            Some(true) => "valid".to_owned(),
            Some(false) => "INVALID".to_owned(),
            None => "UNKNOWN".to_owned(),
        },
        RunState::Running => "still running".to_owned(),
        RunState::BrokeOff(_) => "BROKE OFF".to_owned(),
        RunState::Died => "DIED".to_owned(),
    };
    let figure = |value: &serde_json::Value| match value {
        serde_json::Value::Null => "–".to_owned(),
        number => number.to_string(),
    };
    let record = run.record().ok().flatten();
    vec![
        path.display().to_string(),
        verdict,
        figure(&results["stats"]["count"]),
        figure(&results["availability"]["ok-fraction"]),
        record.map(|record| record.description).unwrap_or_default(),
    ]
}

/// Returns whether a directory is that of a run.
pub(super) fn is_run(path: &Path) -> bool {
    ["test.json", "history.edn", "eddy.log"]
        .iter()
        .any(|name| path.join(name).is_file())
}

/// Returns the directories in a directory, without links.
fn directories(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories.map(|entry| entry.path()).collect()
}
