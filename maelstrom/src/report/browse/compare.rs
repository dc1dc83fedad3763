//! Two runs side by side: what was run, how it ended, and the figures that differ.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::list::{badge, rounded};
use super::run::{Run, number};
use crate::edn::Value;

/// The greatest number of figures that are listed.
const FIGURES_MAX: usize = 200;

/// Returns the comparison of two runs.
pub(super) fn content(a: &Run, b: &Run) -> Markup {
    let figures = differing(a, b);
    html! {
        div.scroll {
            table {
                tr {
                    th { "run" }
                    @for run in [a, b] { td { a href={ "/" (run.path()) "/" } { (run.path()) } } }
                }
                tr { th { "verdict" } @for run in [a, b] { td { (badge(run)) } } }
                tr { th { "run with" } @for run in [a, b] { td { (run.description) } } }
                tr { th { "seed" } @for run in [a, b] { td { (run.seed) } } }
            }
        }
        h2 { "Figures that differ" }
        div.scroll {
            table {
                tr { th { "figure" } th.n { "first" } th.n { "second" } th.n { "change" } }
                @for (name, (first, second)) in figures.iter().take(FIGURES_MAX) {
                    tr {
                        td { (name) }
                        td.n { (rounded(*first)) }
                        td.n { (rounded(*second)) }
                        td.n { (change(*first, *second)) }
                    }
                }
            }
        }
        @if figures.is_empty() { p { "None: all figures of the results are the same." } }
    }
}

/// The value of a figure in the first and in the second run.
type Pair = (Option<f64>, Option<f64>);

fn differing(a: &Run, b: &Run) -> BTreeMap<String, Pair> {
    let mut figures: BTreeMap<String, Pair> = BTreeMap::new();
    collect(a.results.as_ref(), &mut |name, value| {
        figures.entry(name).or_default().0 = Some(value);
    });
    collect(b.results.as_ref(), &mut |name, value| {
        figures.entry(name).or_default().1 = Some(value);
    });
    figures.retain(|_, (first, second)| first != second);
    figures
}

/// Hands over every number that stands under names only, with these names.
fn collect(results: Option<&Value>, add: &mut impl FnMut(String, f64)) {
    let mut open: Vec<(String, &Value)> = Vec::new();
    open.extend(results.map(|results| (String::new(), results)));
    while let Some((path, value)) = open.pop() {
        if let Some(number) = number(value) {
            add(path, number);
        } else if let Some(entries) = value.as_map() {
            for (key, value) in entries {
                let name = key.to_string();
                let name = name.trim_start_matches(':');
                let separator = if path.is_empty() { "" } else { " / " };
                open.push((format!("{path}{separator}{name}"), value));
            }
        }
    }
}

fn change(first: Option<f64>, second: Option<f64>) -> String {
    match (first, second) {
        (Some(first), Some(second)) if first != 0.0 => {
            format!("{:+.1} %", 100.0 * (second - first) / first)
        }
        _ => String::new(),
    }
}
