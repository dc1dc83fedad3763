//! The table of figures beside their targets.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::{Figure, Metrics, Suite};
use crate::check::Verdict;
use crate::history::quantile;

/// One line of the table: a suite on a bench, run once or several times.
pub struct Row {
    /// The suite.
    pub suite: Suite,
    /// The bench's name.
    pub bench: &'static str,
    /// Why the suite was not run on this bench, if it was not.
    pub skipped: Option<String>,
    /// The figures of each run, or the error of a run that broke off.
    pub runs: Vec<Result<Metrics, String>>,
}

impl Row {
    /// Returns whether every run is valid and reaches every target. A suite that was skipped misses
    /// none.
    pub fn is_met(&self) -> bool {
        self.runs.iter().all(|run| match run {
            Ok(metrics) => self.shortfall(metrics).is_none(),
            Err(_) => false,
        })
    }

    /// Returns what a run lacks, in words; `None` if it is valid and reaches every target.
    pub fn shortfall(&self, metrics: &Metrics) -> Option<String> {
        let mut problems = Vec::new();
        if metrics.verdict != Verdict::Valid {
            problems.push(format!("the verdict is {}", verdict_name(metrics.verdict)));
        }
        for figure in self.suite.figures_asked().collect::<BTreeSet<_>>() {
            let value = metrics.figures.get(figure).copied();
            let is_met = self.suite.is_met(figure, value) != Some(false);
            if is_met || metrics.unmeasured.contains(figure) {
                continue;
            }
            let bound = if figure.is_least() { "≥" } else { "≤" };
            let target = self.suite.target(figure).unwrap_or_default();
            let value = value.map_or("missing".to_owned(), |value| number(figure, value));
            let target = number(figure, target);
            problems.push(format!(
                "{} is {value}, not {bound} {target}",
                figure.name()
            ));
        }
        (!problems.is_empty()).then(|| problems.join("; "))
    }

    fn values(&self, figure: &Figure) -> Vec<f64> {
        let runs = self.runs.iter().flatten();
        runs.filter_map(|metrics| metrics.figures.get(figure).copied())
            .collect()
    }

    /// Returns the median over the runs.
    fn median(&self, figure: &Figure) -> Option<f64> {
        let mut values = self.values(figure);
        values.sort_unstable_by(f64::total_cmp);
        quantile(&values, 0.5)
    }

    /// Returns the value of the run that is furthest from the target.
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
            Ok(metrics) => verdict_name(metrics.verdict),
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

    /// Returns the cell of a figure: the median of the runs, the worst if it differs, and whether the
    /// worst meets the target.
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

    /// Returns the row as JSON: the figures of every run, and the targets.
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
                "directory": metrics.directory,
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

/// Returns the figures of a run beside the targets that Fly.io sets in a suite; `None` if it sets none.
pub fn beside_official_targets(suite: &Suite, metrics: &Metrics) -> Option<String> {
    let figures = suite.fly.iter().map(|(figure, target)| {
        let value = metrics.figures.get(figure).copied();
        let bound = if figure.is_least() { "≥" } else { "≤" };
        let is_met = value.is_some_and(|value| figure.is_within(value, *target));
        let mark = if is_met { "✓" } else { "✗ MISSED" };
        let value = value.map_or("–".to_owned(), |value| number(figure, value));
        let target = number(figure, *target);
        format!("{} {value} {bound} {target} {mark}", figure.name())
    });
    let figures: Vec<String> = figures.collect();
    let name = &suite.name;
    (!figures.is_empty()).then(|| format!("official targets of {name}: {}", figures.join(", ")))
}

/// Returns the name of a verdict in tables, where a verdict that is not valid stands out.
pub(crate) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => "valid",
        Verdict::Invalid => "INVALID",
        Verdict::Unknown => "UNKNOWN",
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

/// Returns the rows as an aligned table, without columns that no suite has a figure for.
pub fn table(rows: &[Row]) -> String {
    let common = Figure::COMMON.into_iter();
    let mut figures: Vec<Figure> = common
        .filter(|figure| rows.iter().any(|row| row.median(figure).is_some()))
        .collect();
    // Of the workload's own figures, show those for which a suite has a target.
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
    aligned(&lines)
}

/// Returns lines of cells as text in which columns are aligned. Lines may have different numbers of
/// cells; the last cell of a line may be longer than its column.
pub fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        // A title that is alone on its line widens no column.
        let cells = lines.iter().filter(|line| line.len() > 1);
        let cells = cells.filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}
