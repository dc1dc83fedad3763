//! The reports of a run.
//!
//! A run has a [`RunDirectory`] in the store. Besides the history, the messages and the results
//! there are pages for people. For each page one function turns the data of the run into the text
//! of one file:
//!
//! | file | what it shows |
//! |---|---|
//! | `index.html` | the verdict and its reason, the figures, the plots, and links to all other files |
//! | `messages.html` | every message, over time |
//! | `timeline.html` | the operations of each process, over time |
//! | `anomalies.html` | the meaning of each anomaly, with an example |
//! | `latency-raw.svg`, `latency-quantiles.svg` | latencies of operations |
//! | `rate.svg` | completions per second |
//!
//! The pages need only a browser, and no network.

pub mod anomalies;
mod browse;
mod charts;
mod compare;
mod details;
mod distribution;
mod faults;
mod index;
mod latency;
mod links;
mod messages;
mod page;
mod plot;
mod rate;
mod runs;
mod store;
mod style;
mod svg;
mod timeline;
mod value_path;

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result};

pub use browse::{Browser, Response};
pub use compare::Comparison;
pub use messages::{MessageRow, MessageTable};
pub use runs::list_runs;
pub use store::{LineStream, RunDirectory, RunRecord, RunResults, RunState};

use self::faults::Interval;
use self::latency::Timings;
use self::links::Links;
use crate::check::Results;
use crate::edn::Value;
use crate::history::History;
use crate::net::Journal;

/// The name of the file to which a run writes its messages.
pub const MESSAGES_FILE: &str = "messages.jsonl";

/// A finished run, as reports describe it.
pub struct RunSummary<'a> {
    /// The workload.
    pub workload: &'a str,
    /// The description of the run, in one line.
    pub description: &'a str,
    /// The command that runs it again.
    pub command: Option<&'a str>,
    /// The operations of the clients.
    pub history: &'a History,
    /// The messages that were kept in memory, for runs without a log of messages.
    pub journal: Option<&'a Journal>,
    /// The reason why the run broke off, if it did.
    pub failure: Option<&'a anyhow::Error>,
}

/// The data from which all pages of a run are drawn.
struct Material<'a> {
    summary: &'a RunSummary<'a>,
    faults: Vec<Interval>,
    links: Links<'a>,
    /// The operations that show something wrong, the most important first.
    anomalies: Vec<usize>,
}

/// Writes all reports of a run into a directory, and records them in the results. Returns a warning
/// for each report that could not be written.
pub fn write(
    directory: &Path,
    summary: &RunSummary<'_>,
    mut results: Option<&mut Results>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let messages = read_messages(directory, summary).unwrap_or_else(|error| {
        warnings.push(format!("the messages cannot be read: {error:#}"));
        None
    });
    if let (Some(results), Some(table)) = (results.as_deref_mut(), &messages) {
        for value in results.workload().values_to_trace() {
            results.explain_further(value_path::describe(table, &value));
        }
    }
    let links = Links::new(summary.history, messages.as_ref());
    let anomalies = results
        .as_deref()
        .map(|results| anomalous_operations(results, &links));
    let material = Material {
        summary,
        faults: faults::intervals(summary.history),
        links,
        anomalies: anomalies.unwrap_or_default(),
    };
    let mut save = |name: &str, text: &str| {
        let path = directory.join(name);
        let saved = fs::write(&path, text).with_context(|| format!("{}", path.display()));
        note(&mut warnings, saved)
    };
    let faults = &material.faults;
    let timings = Timings::of(summary.history);
    let plots = [
        latency::raw(&timings, faults),
        latency::quantiles(&timings, faults),
        rate::rate(&timings, faults),
    ];
    let raw = save("latency-raw.svg", &plots[0]);
    let quantiles = save("latency-quantiles.svg", &plots[1]);
    let rate = save("rate.svg", &plots[2]);
    let anomalies = &material.anomalies;
    let timeline = timeline::page(summary, faults, anomalies, &material.links);
    let timeline = save("timeline.html", &timeline);
    if let Some(table) = &messages {
        save(
            "messages.html",
            &messages::page(summary, table, faults, anomalies),
        );
    }
    save(
        "anomalies.html",
        &anomalies::page(material.links.has_messages()),
    );
    if let Some(results) = results.as_deref_mut() {
        attach(results, raw.or(quantiles), rate, timeline);
        let written = details::write(directory, summary.history, results);
        note(&mut warnings, written);
    }
    let page = file_names(directory).and_then(|mut files| {
        if results.is_some() {
            // Write them last, when they record all other reports.
            files.extend(["results.edn", "results.json"].map(str::to_owned));
        }
        let page = index::page(&material, &plots, results.as_deref(), &files);
        let path = directory.join("index.html");
        fs::write(&path, page).with_context(|| format!("{}", path.display()))
    });
    note(&mut warnings, page);
    warnings
}

/// Reads the log of messages in the directory of the reports, or else the journal.
fn read_messages(directory: &Path, summary: &RunSummary<'_>) -> Result<Option<MessageTable>> {
    let path = directory.join(MESSAGES_FILE);
    if path.is_file() {
        let file = File::open(&path).with_context(|| format!("{}", path.display()))?;
        return MessageTable::read(BufReader::new(file)).map(Some);
    }
    Ok(summary.journal.map(MessageTable::of_journal))
}

/// Returns the operations that findings or explanations name.
fn anomalous_operations(results: &Results, links: &Links<'_>) -> Vec<usize> {
    let findings = results.findings();
    let named = findings.into_iter().flat_map(|finding| finding.operations);
    let text = results.explanation().unwrap_or_default();
    let mut operations: Vec<usize> = Vec::new();
    for index in named.chain(links.cited(&text)) {
        if !operations.contains(&index) {
            operations.push(index);
        }
        if operations.len() == MAX_ANOMALIES {
            break;
        }
    }
    operations
}

/// The maximum number of operations that pages mark as anomalous.
const MAX_ANOMALIES: usize = 1000;

/// Keeps the reason of a failure as a warning, and returns it.
fn note(warnings: &mut Vec<String>, written: Result<()>) -> Option<String> {
    let problem = format!("{:#}", written.err()?);
    warnings.push(format!("a report is missing: {problem}"));
    Some(problem)
}

/// Adds the entries of upstream's results. A missing plot does not make the run invalid.
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
