//! What a run leaves to look at.
//!
//! A run has a [`RunDirectory`] in the store. Besides the history and the results there are
//! pictures and pages for people, each drawn by one function from the finished history and journal
//! to the text of one file:
//!
//! | file | what it shows |
//! |---|---|
//! | `index.html` | the verdict, why, the figures, and the way to everything else |
//! | `messages.svg` | who said what to whom, in order |
//! | `timeline.html` | what each process did, and when |
//! | `latency-raw.svg`, `latency-quantiles.svg` | how long operations took |
//! | `rate.svg` | how many operations ended in a second |
//!
//! They need nothing but a browser, and no network.

mod browse;
mod compare;
mod details;
mod faults;
mod index;
mod latency;
mod messages;
mod plot;
mod rate;
mod runs;
mod store;
mod style;
mod svg;
mod timeline;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

pub use browse::{Browser, Response};
pub use compare::{ComparedRow, Comparison, Section};
pub use messages::EVENTS_MAX;
pub use runs::{find_runs, list_runs};
pub use store::{LineStream, RunDirectory, RunRecord, RunResults, RunState};

use self::latency::Timings;
use crate::check::Results;
use crate::edn::Value;
use crate::history::History;
use crate::net::Journal;

/// A run that is over, as reports tell of it.
pub struct RunSummary<'a> {
    /// What the clients did.
    pub workload: &'a str,
    /// What was run, in a line.
    pub description: &'a str,
    /// The command that runs it again.
    pub command: Option<&'a str>,
    /// What the clients saw.
    pub history: &'a History,
    /// What went over the network, if that is known.
    pub journal: Option<&'a Journal>,
    /// Why the run broke off, if it did.
    pub failure: Option<&'a anyhow::Error>,
}

/// Writes all reports of a run into a directory, and notes them in the results. Returns what could
/// not be written, and why.
pub fn write(
    directory: &Path,
    summary: &RunSummary<'_>,
    mut results: Option<&mut Results>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut save = |name: &str, text: String| {
        let path = directory.join(name);
        let saved = fs::write(&path, text).with_context(|| format!("{}", path.display()));
        note(&mut warnings, saved)
    };
    let faults = faults::intervals(summary.history);
    let timings = Timings::of(summary.history);
    let raw = save("latency-raw.svg", latency::raw(&timings, &faults));
    let quantiles = save(
        "latency-quantiles.svg",
        latency::quantiles(&timings, &faults),
    );
    let rate = save("rate.svg", rate::rate(&timings, &faults));
    let timeline = save("timeline.html", timeline::page(summary.history, &faults));
    if let Some(journal) = summary.journal {
        save("messages.svg", messages::diagram(journal, &faults));
    }
    if let Some(results) = results.as_deref_mut() {
        attach(results, raw.or(quantiles), rate, timeline);
        let written = details::write(directory, summary.history, results);
        note(&mut warnings, written);
    }
    let page = file_names(directory).and_then(|mut files| {
        if results.is_some() {
            // Written last, when everything is noted in them.
            files.extend(["results.edn", "results.json"].map(str::to_owned));
        }
        let page = index::page(summary, results.as_deref(), &files);
        let path = directory.join("index.html");
        fs::write(&path, page).with_context(|| format!("{}", path.display()))
    });
    note(&mut warnings, page);
    warnings
}

/// Keeps the reason of a failure as a warning, and returns it.
fn note(warnings: &mut Vec<String>, written: Result<()>) -> Option<String> {
    let problem = format!("{:#}", written.err()?);
    warnings.push(format!("a report is missing: {problem}"));
    Some(problem)
}

/// The entries of upstream's results. A picture that is missing says nothing against the run.
fn attach(
    results: &mut Results,
    latency: Option<String>,
    rate: Option<String>,
    timeline: Option<String>,
) {
    let entry = |problem: Option<String>| {
        let error = problem.map(|problem| ("error", problem.into()));
        Value::map([("valid?", true.into())].into_iter().chain(error))
    };
    let perf = [
        ("latency-graph", entry(latency)),
        ("rate-graph", entry(rate)),
        ("valid?", true.into()),
    ];
    results.attach("perf", Value::map(perf));
    results.attach("timeline", entry(timeline));
}

fn file_names(directory: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(directory).with_context(|| format!("{}", directory.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}
