//! The table of what was reached.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::{Figure, Metrics, Suite};
use crate::check::Verdict;

/// One line of the table: a suite on a bench, run once or several times.
pub struct Row {
    /// The suite.
    pub suite: Suite,
    /// The bench's name.
    pub bench: &'static str,
    /// Why the suite was not run on this bench, if it was not.
    pub skipped: Option<String>,
    /// What each run reached; an error where a run broke off.
    pub runs: Vec<Result<Metrics, String>>,
}

impl Row {
    /// Whether every run is valid and reaches every target. A suite that was skipped misses none.
    pub fn is_met(&self) -> bool {
        self.runs.iter().all(|run| match run {
            Ok(metrics) => {
                let is_met = |figure: &Figure| {
                    let value = metrics.figures.get(figure).copied();
                    metrics.unmeasured.contains(figure)
                        || self.suite.is_met(figure, value).unwrap_or(true)
                };
                metrics.verdict == Verdict::Valid && self.suite.figures_asked().all(is_met)
            }
            Err(_) => false,
        })
    }

    fn values(&self, figure: &Figure) -> Vec<f64> {
        let runs = self.runs.iter().flatten();
        runs.filter_map(|metrics| metrics.figures.get(figure).copied())
            .collect()
    }

    /// The median over the runs.
    fn median(&self, figure: &Figure) -> Option<f64> {
        let mut values = self.values(figure);
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    /// The run that is furthest from the target.
    fn worst(&self, figure: &Figure) -> Option<f64> {
        let values = self.values(figure).into_iter();
        if figure.is_least() {
            values.reduce(f64::min)
        } else {
            values.reduce(f64::max)
        }
    }

    fn verdict(&self) -> String {
        if self.skipped.is_some() {
            return "–".to_owned();
        }
        let name = |run: &Result<Metrics, String>| match run {
            Ok(metrics) => match metrics.verdict {
                Verdict::Valid => "valid",
                Verdict::Invalid => "INVALID",
                Verdict::Unknown => "UNKNOWN",
            },
            Err(_) => "BROKE OFF",
        };
        match &self.runs[..] {
            [run] => name(run).to_owned(),
            runs => {
                let valid = runs.iter().filter(|run| name(run) == "valid").count();
                format!("{valid}/{} valid", runs.len())
            }
        }
    }

    /// The median of the runs, the worst if it differs, and how the worst stands to the target.
    fn cell(&self, figure: &Figure) -> String {
        let Some(median) = self.median(figure) else {
            return "–".to_owned();
        };
        let mut cell = number(figure, median);
        let worst = self.worst(figure).unwrap_or(median);
        if number(figure, worst) != cell {
            cell += &format!(" (worst {})", number(figure, worst));
        }
        if let Some(target) = self.suite.target(figure) {
            let bound = if figure.is_least() { "≥" } else { "≤" };
            let met = self.suite.is_met(figure, Some(worst)) == Some(true);
            let mark = if met { "✓" } else { "✗ MISSED" };
            cell += &format!(" {bound} {} {mark}", number(figure, target));
        }
        cell
    }

    /// The row as JSON: the figures of every run, and the targets.
    pub fn to_json(&self) -> Json {
        let figures = |metrics: &Metrics| -> BTreeMap<String, f64> {
            metrics
                .figures
                .iter()
                .map(|(figure, value)| (figure.name().to_owned(), *value))
                .collect()
        };
        let run = |run: &Result<Metrics, String>| match run {
            Ok(metrics) => json!({
                "valid?": metrics.verdict.to_edn().to_json(),
                "figures": figures(metrics),
            }),
            Err(problem) => json!({ "valid?": null, "problem": problem }),
        };
        let target = |figure: &Figure| Some((figure.name().to_owned(), self.suite.target(figure)?));
        let asked = self.suite.figures_asked();
        let targets: BTreeMap<String, f64> = asked.filter_map(target).collect();
        json!({
            "suite": self.suite.name,
            "bench": self.bench,
            "met": self.is_met(),
            "skipped": self.skipped,
            "targets": targets,
            "runs": self.runs.iter().map(run).collect::<Vec<_>>(),
        })
    }
}

fn number(figure: &Figure, value: f64) -> String {
    match figure {
        Figure::Ok => format!("{value:.5}")
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
        Figure::MsgsPerOp => format!("{value:.2}"),
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}

/// The rows as an aligned table. Columns that no suite has a figure for are left out.
pub fn table(rows: &[Row]) -> String {
    let common = Figure::COMMON.into_iter();
    let mut figures: Vec<Figure> = common
        .filter(|figure| rows.iter().any(|row| row.median(figure).is_some()))
        .collect();
    // Of the workload's own figures, those that a suite has a target for.
    let asked = rows.iter().flat_map(|row| row.suite.figures_asked());
    let own = asked.filter(|figure| matches!(figure, Figure::Workload(_)));
    figures.extend(own.collect::<BTreeSet<_>>().into_iter().cloned());
    let mut lines = vec![["suite", "bench", "verdict"].map(str::to_owned).to_vec()];
    lines[0].extend(figures.iter().map(|figure| figure.name().to_owned()));
    lines[0].push(String::new());
    for row in rows {
        let mut line = vec![row.suite.name.clone(), row.bench.to_owned(), row.verdict()];
        line.extend(figures.iter().map(|figure| row.cell(figure)));
        line.push(match (&row.skipped, row.is_met()) {
            (Some(reason), _) => format!("skipped: {reason}"),
            (None, true) => "met".to_owned(),
            (None, false) => "NOT MET".to_owned(),
        });
        lines.push(line);
    }
    let columns = lines[0].len();
    let width = |c: usize| {
        lines
            .iter()
            .map(|line| line[c].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}
