//! The list of runs.

use maud::{Markup, html};

use super::run::Run;

/// The script that filters and sorts the list, and opens the comparison of two runs.
pub(super) const SCRIPT: &str = include_str!("../assets/list.js");

/// Returns the list of these runs.
pub(super) fn content(runs: &[Run]) -> Markup {
    html! {
        @if runs.is_empty() {
            p { "There are no runs yet." }
        } @else {
            p {
                input #filter type="search" placeholder="filter: workload, verdict, options, seed" size="36"
                    aria-label="Filter the runs";
                " " button #compare disabled { "Compare two runs" }
            }
        }
        div.scroll {
            table #runs {
                thead { tr {
                    th {} th { "began" } th { "workload" } th { "verdict" } th { "run" } th.n { "seed" }
                    th.n { "operations" } th.n { "ok %" } th.n { "msgs/op" }
                    th.n title="median and greatest stable latency" { "stable ms" }
                } }
                tbody { @for run in runs { (row(run)) } }
            }
        }
    }
}

fn row(run: &Run) -> Markup {
    let stable = |quantile| run.stable_latency(quantile).map(|ms| format!("{ms:.0}"));
    let stable = match (stable(0.5), stable(1.0)) {
        (Some(median), Some(greatest)) => format!("{median} / {greatest}"),
        _ => String::new(),
    };
    html! {
        tr {
            td { input type="checkbox" value=(run.path()) aria-label="Compare this run"; }
            td data-sort=(run.time) { a href={ "/" (run.path()) "/" } { (run.readable_time()) } }
            td { (run.workload) }
            td { (badge(run)) }
            td { (run.description) }
            td.n { (run.seed) }
            td.n { (rounded(run.figure(&["stats", "count"]))) }
            td.n { (rounded(run.figure(&["availability", "ok-fraction"]).map(|ok| 100.0 * ok))) }
            td.n { (rounded(run.figure(&["net", "servers", "msgs-per-op"]))) }
            td.n { (stable) }
        }
    }
}

/// Returns how a run ended, as a badge.
pub(super) fn badge(run: &Run) -> Markup {
    let class = match run.status {
        "broke off" | "died" => "broke-off",
        status => status,
    };
    html! { span class={ "verdict " (class) } { (run.status) } }
}

/// Returns a figure with at most two decimals.
pub(super) fn rounded(figure: Option<f64>) -> String {
    let text = figure.map_or(String::new(), |figure| format!("{figure:.2}"));
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
