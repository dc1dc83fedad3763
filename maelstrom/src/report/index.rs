//! The first page of a run: the verdict and its reason, the figures, and links to everything else.

mod cycles;
mod log_grid;
mod unsuccessful;

use std::time::Duration;

use maud::{Markup, PreEscaped, html};

use super::links::Links;
use super::page::{self, Page};
use super::style::verdict_name;
use super::{MESSAGES_FILE, Material, RunSummary, anomalies, charts, distribution};
use crate::check::{Results, Verdict};
use crate::edn::{Float, Value};
use crate::history::History;

/// The styles that this page adds to the style sheet.
const STYLE: &str = "#tip { position: fixed; z-index: 3; margin: 0; padding: .2rem .6rem; font-size: 12px;
  pointer-events: none; background: var(--panel); border: 1px solid var(--line); border-radius: 4px; }
[hidden] { display: none !important; }";

/// The files that may be in the directory, with their descriptions.
const FILES: [(&str, &str); 10] = [
    (
        MESSAGES_FILE,
        "every message, as lines of JSON; eddy messages prints and filters them",
    ),
    ("results.edn", "the results of all checkers"),
    ("results.json", "the same as JSON"),
    ("history.txt", "every operation, as text for people"),
    ("history.edn", "every operation, as Jepsen writes it"),
    ("history.jsonl", "every operation, as lines of JSON"),
    ("eddy.log", "the log of the run"),
    ("node-logs", "what each node wrote to stderr"),
    ("independent", "history and results of each key"),
    ("elle", "the anomalies of transactions, explained"),
];

/// Returns the page of a run, beside which these files were written.
pub(super) fn page(
    material: &Material<'_>,
    usual_plots: &[String],
    results: Option<&Results>,
    files: &[String],
) -> String {
    let summary = material.summary;
    let (class, name) = verdict(summary, results);
    let content = html! {
        h1 { (summary.workload) " " span class={ "verdict " (class) } { (name) } }
        p.quiet { (summary.description) }
        @if let Some(command) = summary.command { pre { (command) } }
        (why(summary, results, &material.links))
        @if let Some(results) = results {
            (cycles::drawings(&results.workload().to_edn()))
            @if results.verdict() == Verdict::Invalid { (log_grid::grids(summary.history)) }
        }
        (unsuccessful::table(summary.history))
        @if let Some(results) = results { (figures(results, summary.history)) }
        h2 { "Plots" }
        p.quiet { "Point at a plot for values. Click on an operation to open it in the timeline." }
        (plots(material, usual_plots, results))
        (file_list(files))
        pre #tip hidden {}
    };
    let page = Page {
        title: &format!("{} · {name} · {}", summary.workload, summary.description),
        style: STYLE,
        nav: page::nav("index.html", material.links.has_messages()),
        content,
        scripts: &[include_str!("assets/plots.js")],
    };
    page.render()
}

/// Returns the class and the name of the run's badge.
fn verdict(summary: &RunSummary<'_>, results: Option<&Results>) -> (&'static str, &'static str) {
    match (summary.failure, results) {
        (None, Some(results)) => {
            let name = verdict_name(results.verdict());
            (name, name)
        }
        _ => ("broke-off", "broke off"),
    }
}

fn why(summary: &RunSummary<'_>, results: Option<&Results>, links: &Links<'_>) -> Markup {
    let failure = summary.failure.map(|failure| format!("{failure:#}"));
    let reason = failure.or_else(|| results.and_then(Results::explanation));
    let named = |reason| anomalies::named_in(summary.workload, reason);
    let terms = reason.as_deref().map(named).unwrap_or_default();
    html! {
        @if let Some(reason) = reason {
            h2 { "Why" }
            pre.why { (links.in_text(&reason)) }
            @if !terms.is_empty() {
                dl.terms {
                    @for (id, term) in terms {
                        dt { a href={ "anomalies.html#" (id) } { (term.name) } }
                        dd { (term.meaning) " " span.quiet { (term.mistake) } }
                    }
                }
            }
        }
    }
}

/// Draws all plots, the workload's own first.
fn plots(material: &Material<'_>, usual: &[String], results: Option<&Results>) -> Markup {
    let history = material.summary.history;
    let faults = &material.faults;
    let mut shown = results.map_or_else(Vec::new, |results| results.workload().charts(history));
    shown.push(distribution::latencies(history, faults));
    let end = history.iter().map(|op| op.time).max().unwrap_or_default();
    let drawn = shown
        .iter()
        .filter_map(|chart| charts::draw(chart, end, faults));
    html! {
        @for plot in drawn { div.scroll { (PreEscaped(plot)) } }
        @for plot in usual { div.scroll { (PreEscaped(plot)) } }
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

fn figures(results: &Results, history: &History) -> Markup {
    let stats = results.stats();
    let counts = stats.by_f.iter().map(|(f, counts)| (f.as_str(), counts));
    let edn = results.to_edn();
    let at = |path: &[&str]| path.iter().try_fold(&edn, |value, key| value.get(key));
    let stable = at(&["workload", "stable-latencies"]).and_then(Value::as_map);
    let mut stable: Vec<_> = stable.into_iter().flatten().collect();
    stable.sort_by(|(a, _), (b, _)| as_float(a).total_cmp(&as_float(b)));
    let facts = [
        (
            "fraction that ended ok",
            at(&["availability", "ok-fraction"]),
        ),
        (
            "messages between servers",
            at(&["net", "servers", "msg-count"]),
        ),
        (
            "messages between servers, per operation",
            at(&["net", "servers", "msgs-per-op"]),
        ),
        ("messages of clients", at(&["net", "clients", "msg-count"])),
        (
            "values that became stable",
            at(&["workload", "stable-count"]),
        ),
        ("values that were lost", at(&["workload", "lost-count"])),
        (
            "worst realtime lag (s)",
            at(&["workload", "worst-realtime-lag", "lag"]),
        ),
    ];
    html! {
        h2 { "Figures" }
        div.scroll { table {
            tr {
                th { "operation" } th.n { "count" } th.n { "ok" } th.n { "fail" } th.n { "info" }
                th.n { "median" } th.n { "95th" } th.n { "99th" } th.n { "max" }
            }
            @for (f, counts) in counts.chain([("all", &stats.overall)]) {
                @let latencies = history.ok_latencies((f != "all").then_some(f));
                tr {
                    td { (f) }
                    @for count in [counts.total(), counts.ok, counts.fail, counts.info] {
                        td.n { (count) }
                    }
                    @for quantile in [0.5, 0.95, 0.99, 1.0] {
                        td.n { @if let Some(took) = latencies.quantile(quantile) { (milliseconds(took)) } }
                    }
                }
            }
        } }
        p.quiet { "Latencies are those of operations that ended ok." }
        table {
            @for (name, value) in facts {
                @if let Some(value) = value { tr { td { (name) } td.n { (number(value)) } } }
            }
            @for (quantile, latency) in stable {
                tr { td { "stable latency, quantile " (quantile) } td.n { (latency) " ms" } }
            }
        }
    }
}

fn as_float(value: &Value) -> f64 {
    match value {
        Value::Int(n) => n.get() as f64,
        Value::Float(Float(x)) => *x,
        _ => f64::NAN,
    }
}

fn number(value: &Value) -> String {
    match value {
        Value::Float(Float(x)) => {
            let text = format!("{x:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        other => other.to_string(),
    }
}

fn file_list(files: &[String]) -> Markup {
    let is_there = |name: &str| files.iter().any(|file| file == name);
    html! {
        h2 { "Files" }
        table {
            @for (name, what) in FILES.into_iter().filter(|(name, _)| is_there(name)) {
                tr { td { a href=(name) { (name) } } td { (what) } }
            }
        }
    }
}
