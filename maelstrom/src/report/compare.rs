//! Two runs side by side: the differences in their options, figures and verdicts.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use maud::{Markup, html};
use serde_json::{Value as Json, json};

use super::page::{self, Page};
use super::{RunDirectory, RunRecord, RunState};
use crate::edn;
use crate::history::History;
use crate::suite::{Figure, Metrics, aligned, verdict_name};

/// The quantiles of latencies that are compared.
const QUANTILES: [(&str, f64); 4] = [
    ("median", 0.5),
    ("95th", 0.95),
    ("99th", 0.99),
    ("max", 1.0),
];

/// The longest cell of the text form, in characters. The page shows cells in full.
const MAX_CELL_CHARS: usize = 60;

/// Two runs side by side. They may be of different programs and workloads.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The parts, in order.
    pub sections: Vec<Section>,
}

/// A part of a comparison, such as the figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// The title.
    pub title: &'static str,
    /// The rows. There are none if the runs do not differ in this part.
    pub rows: Vec<ComparedRow>,
}

/// A property of both runs.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparedRow {
    /// The name of the property.
    pub name: String,
    /// Its value in each run; `–` where a run does not have it.
    pub values: [String; 2],
    /// The change from the first run to the second, of numbers only.
    pub change: String,
}

/// A finished run, as far as it can be read.
struct Run {
    path: String,
    state: RunState,
    record: Option<RunRecord>,
    history: History,
    metrics: Option<Metrics>,
    explanation: Option<String>,
}

impl Run {
    fn read(directory: &RunDirectory) -> Result<Run> {
        let history = directory.history()?;
        let path = directory.file("results.edn");
        let metrics = match std::fs::read_to_string(&path) {
            Ok(text) => {
                let results = edn::parse(&text).with_context(|| format!("{}", path.display()))?;
                Some(Metrics::read(&results, &history))
            }
            // A run that broke off or died has no results.
            Err(_) => None,
        };
        let explanation = directory.results_json().and_then(|json| {
            let text = json["explanation"]["text"].as_str()?;
            Some(text.to_owned())
        });
        Ok(Run {
            path: directory.path().display().to_string(),
            state: directory.state(),
            record: directory.record()?,
            history,
            metrics,
            explanation,
        })
    }

    fn verdict(&self) -> &'static str {
        match (&self.state, &self.metrics) {
            (_, Some(metrics)) => verdict_name(metrics.verdict),
            (RunState::Running, _) => "still running",
            (RunState::BrokeOff(_), _) => "BROKE OFF",
            _ => "DIED",
        }
    }

    fn figure(&self, figure: &Figure) -> Option<f64> {
        self.metrics.as_ref()?.figures.get(figure).copied()
    }

    /// Returns the quantiles of the latencies of a function, or of all, in milliseconds.
    fn latencies_ms(&self, f: Option<&str>) -> [Option<f64>; QUANTILES.len()] {
        let latencies = self.history.ok_latencies(f);
        QUANTILES.map(|(_, quantile)| {
            let latency = latencies.quantile(quantile)?;
            Some(latency.as_secs_f64() * 1000.0)
        })
    }

    fn functions(&self) -> BTreeSet<&str> {
        self.history
            .clients()
            .map(|operation| &*operation.f)
            .collect()
    }
}

impl Comparison {
    /// Compares two runs.
    ///
    /// # Errors
    ///
    /// A directory has no history, or a file cannot be read; the error names it.
    pub fn of(runs: [&RunDirectory; 2]) -> Result<Comparison> {
        let runs = [Run::read(runs[0])?, Run::read(runs[1])?];
        let sections = vec![
            Section {
                title: "runs",
                rows: identity(&runs),
            },
            Section {
                title: "options that differ",
                rows: options(&runs),
            },
            Section {
                title: "figures",
                rows: figures(&runs),
            },
            Section {
                title: "latencies of ok operations (ms)",
                rows: latencies(&runs),
            },
        ];
        Ok(Comparison { sections })
    }

    /// Returns the comparison as aligned text.
    pub fn to_text(&self) -> String {
        let mut lines = Vec::new();
        for (i, section) in self.sections.iter().enumerate() {
            if i > 0 {
                lines.push(Vec::new());
                lines.push(vec![section.title.to_owned()]);
            }
            if section.rows.is_empty() {
                lines.push(vec!["  none".to_owned()]);
            }
            for ComparedRow {
                name,
                values: [a, b],
                change,
            } in &section.rows
            {
                lines.push(vec![
                    format!("  {name}"),
                    short(a),
                    short(b),
                    change.clone(),
                ]);
            }
        }
        aligned(&lines)
    }

    /// Returns the comparison as JSON: for each section its rows by name.
    pub fn to_json(&self) -> Json {
        let row = |row: &ComparedRow| json!({ "name": row.name, "a": row.values[0], "b": row.values[1], "change": row.change });
        let section = |section: &Section| {
            let rows: Json = section.rows.iter().map(row).collect();
            (section.title.to_owned(), rows)
        };
        Json::Object(self.sections.iter().map(section).collect())
    }

    /// Returns the comparison as an HTML page.
    pub fn to_page(&self) -> String {
        let page = Page {
            title: "Two runs compared · Eddy",
            style: "",
            nav: page::home(),
            content: html! {
                h1 { "Two runs compared" }
                @for section in &self.sections { (section_markup(section)) }
            },
            scripts: &[],
        };
        page.render()
    }
}

fn section_markup(section: &Section) -> Markup {
    html! {
        h2 { (section.title) }
        @if section.rows.is_empty() { p.quiet { "none" } }
        div.scroll { table {
            @for ComparedRow { name, values, change } in &section.rows {
                tr {
                    th { (name) }
                    @for value in values { td { (value) } }
                    td.n { (change) }
                }
            }
        } }
    }
}

fn row(name: impl Into<String>, values: [String; 2]) -> ComparedRow {
    ComparedRow {
        name: name.into(),
        values,
        change: String::new(),
    }
}

fn identity(runs: &[Run; 2]) -> Vec<ComparedRow> {
    let recorded = |get: fn(&RunRecord) -> String| {
        let of = |run: &Run| run.record.as_ref().map_or("–".to_owned(), get);
        [of(&runs[0]), of(&runs[1])]
    };
    let [a, b] = runs;
    let mut rows = vec![
        row("run", [a.path.clone(), b.path.clone()]),
        row("workload", recorded(|record| record.workload.clone())),
        row("started", recorded(|record| record.started.clone())),
        row("seed", recorded(|record| record.seed.to_string())),
        row("verdict", [a.verdict(), b.verdict()].map(str::to_owned)),
    ];
    let why = [a, b].map(|run| run.explanation.clone().unwrap_or("–".to_owned()));
    if why.iter().any(|why| why != "–") {
        rows.push(row("why", why));
    }
    rows
}

fn options(runs: &[Run; 2]) -> Vec<ComparedRow> {
    let of = |run: &Run| {
        run.record
            .as_ref()
            .map_or_else(Vec::new, RunRecord::options)
    };
    let options = [of(&runs[0]), of(&runs[1])];
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in options.iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let value = |run: &Vec<(String, String)>, name: &str| {
        let found = run.iter().find(|(known, _)| known == name);
        found.map_or("–".to_owned(), |(_, value)| value.clone())
    };
    let rows = names
        .into_iter()
        .map(|name| row(name, [value(&options[0], name), value(&options[1], name)]));
    rows.filter(|row| row.values[0] != row.values[1]).collect()
}

fn figures(runs: &[Run; 2]) -> Vec<ComparedRow> {
    let metrics = runs.iter().filter_map(|run| run.metrics.as_ref());
    let own = metrics.flat_map(|metrics| metrics.figures.keys());
    let own = own.filter(|figure| matches!(figure, Figure::Workload(_)));
    let own: BTreeSet<&Figure> = own.collect();
    let common = Figure::COMMON;
    let figures = common.iter().chain(own);
    let rows = figures.filter_map(|figure| {
        let values = [runs[0].figure(figure), runs[1].figure(figure)];
        compared(figure.name(), values)
    });
    rows.collect()
}

fn latencies(runs: &[Run; 2]) -> Vec<ComparedRow> {
    let functions: BTreeSet<&str> = runs.iter().flat_map(Run::functions).collect();
    let all = (functions.len() != 1).then_some(None);
    let groups = all.into_iter().chain(functions.into_iter().map(Some));
    let mut rows = Vec::new();
    for f in groups {
        let [a, b] = [0, 1].map(|run: usize| runs[run].latencies_ms(f));
        for (i, (quantile, _)) in QUANTILES.into_iter().enumerate() {
            let name = format!("{} {quantile}", f.unwrap_or("all"));
            rows.extend(compared(&name, [a[i], b[i]]));
        }
    }
    rows
}

/// Returns the row of a number; `None` if neither run has it.
fn compared(name: &str, values: [Option<f64>; 2]) -> Option<ComparedRow> {
    if values == [None, None] {
        return None;
    }
    let shown = |value: Option<f64>| value.map_or("–".to_owned(), number);
    Some(ComparedRow {
        name: name.to_owned(),
        values: values.map(shown),
        change: match values {
            [Some(from), Some(to)] => change(from, to),
            _ => String::new(),
        },
    })
}

/// Returns a change in percent, and as a factor where it is large; empty if there is none or it is
/// a change from zero.
fn change(from: f64, to: f64) -> String {
    if from == to || from == 0.0 {
        return String::new();
    }
    let ratio = to / from;
    match ratio {
        2.0.. => format!("× {}", number(ratio)),
        _ => format!("{:+.1} %", 100.0 * (ratio - 1.0)),
    }
}

/// Returns a number with at most three decimals, without trailing zeros.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Returns the first line of a cell, cut off where it is too long for a screen. Of a path the end
/// is kept, which is more specific than its beginning.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let length = line.chars().count();
    if length <= MAX_CELL_CHARS {
        return line.to_owned();
    }
    let kept = MAX_CELL_CHARS - 1;
    match line.contains(' ') {
        true => line.chars().take(kept).chain(['…']).collect(),
        false => ['…']
            .into_iter()
            .chain(line.chars().skip(length - kept))
            .collect(),
    }
}
