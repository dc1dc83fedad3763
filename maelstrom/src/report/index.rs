//! The page that one opens first: what a run came to, why, and where to look further.

mod troubled;

use std::time::Duration;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::RunSummary;
use super::style::{PAGE, verdict_colour, verdict_name};
use crate::check::{Results, Verdict};
use crate::edn::{Float, Value};
use crate::history::{History, Operation};

/// What may be in the directory, and what it is.
const FILES: [(&str, &str); 9] = [
    ("results.edn", "all that the checkers say"),
    ("results.json", "the same as JSON"),
    ("history.txt", "every operation, to be read"),
    ("history.edn", "every operation, as Jepsen writes it"),
    ("history.jsonl", "every operation, as lines of JSON"),
    ("eddy.log", "the log of the run"),
    ("node-logs", "what each node wrote to stderr"),
    ("independent", "history and results of each key"),
    ("elle", "the anomalies of transactions, explained"),
];

/// The page of a run, beside which these files were written.
pub(super) fn page(
    summary: &RunSummary<'_>,
    results: Option<&Results>,
    files: &[String],
) -> String {
    let title = summary.workload;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (title) }
                style { (PreEscaped(PAGE)) }
            }
            body {
                h1 { (title) " " (verdict(summary, results)) }
                p.quiet { (summary.description) }
                @if let Some(command) = summary.command { pre { (command) } }
                (why(summary, results))
                (troubled::table(summary.history))
                @if let Some(results) = results { (figures(results, summary.history)) }
                (diagrams(files))
                (file_list(files))
            }
        }
    }
    .into_string()
}

fn verdict(summary: &RunSummary<'_>, results: Option<&Results>) -> Markup {
    let (colour, name) = match (summary.failure, results) {
        (None, Some(results)) => {
            let verdict = results.verdict();
            (verdict_colour(verdict), verdict_name(verdict))
        }
        _ => (verdict_colour(Verdict::Invalid), "broke off"),
    };
    html! { span.verdict style={ "background:" (colour) } { (name) } }
}

fn why(summary: &RunSummary<'_>, results: Option<&Results>) -> Markup {
    let failure = summary.failure.map(|failure| format!("{failure:#}"));
    let reason = failure.or_else(|| results.and_then(Results::explanation));
    html! {
        @if let Some(reason) = reason {
            h2 { "Why" }
            pre { (with_links(&reason, summary.history)) }
        }
    }
}

/// Where a text cites `(operation 12)`, a link to its place in the timeline.
fn with_links(text: &str, history: &History) -> Markup {
    const CITED: &str = "(operation ";
    let mut parts = text.split(CITED);
    html! {
        (parts.next().unwrap_or_default())
        @for part in parts {
            @let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            @let cited = part[..digits].parse().ok().and_then(|index| history.get(index));
            @match cited {
                Some(operation) => {
                    "(" a href=(place(operation, history)) { "operation " (part[..digits]) }
                    (part[digits..])
                }
                None => { (CITED) (part) }
            }
        }
    }
}

fn place(operation: &Operation, history: &History) -> String {
    let invocation = history.invocation(operation).unwrap_or(operation);
    format!("timeline.html#i{}", invocation.index)
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
        table {
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
        }
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
        Value::Int(n) => *n as f64,
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

fn diagrams(files: &[String]) -> Markup {
    let pictures = ["latency-raw.svg", "latency-quantiles.svg", "rate.svg"];
    let is_there = |name: &&str| files.iter().any(|file| file == name);
    html! {
        @for picture in pictures.into_iter().filter(is_there) {
            a href=(picture) { img src=(picture) alt=(picture); }
        }
        @if is_there(&"messages.svg") {
            h2 { a href="messages.svg" { "Messages" } }
            iframe src="messages.svg" loading="lazy" title="Messages" {}
        }
        @if is_there(&"timeline.html") {
            h2 { a href="timeline.html" { "Timeline" } }
            iframe src="timeline.html" loading="lazy" title="Timeline" {}
        }
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
