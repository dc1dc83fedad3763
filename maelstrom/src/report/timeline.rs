//! The timeline: a column for each process, and in it what the process did.
//!
//! As in the diagram of messages, time runs downwards with a row for each invocation and each
//! completion, so that what overlaps in time overlaps on the page, and nothing is too short to see.

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::faults::{Interval, bands};
use super::style::{FONT, outcome_colour};
use super::svg::shortened;
use crate::edn::Value;
use crate::history::{History, Kind, Operation, Process};

/// So many operations are shown at most.
const PAIRS_MAX: usize = 10_000;

const PITCH: usize = 16;
const COLUMN: usize = 108;
const LEFT: usize = 76;
const ROWS_PER_TIME: usize = 10;

/// How much of a value is shown in a cell, and while the pointer rests on it, in characters.
const CELL_MAX: usize = 60;
const HOVER_MAX: usize = 300;

/// An operation and its rows.
struct Cell<'a> {
    invocation: &'a Operation,
    completion: Option<&'a Operation>,
    first_row: usize,
    last_row: usize,
}

/// The page of a history.
pub(super) fn page(history: &History, faults: &[Interval]) -> String {
    let timeline = Timeline::of(history);
    let hidden = history.pairs().count() - timeline.cells.len();
    let rows = timeline.rows.len();
    let (width, height) = (LEFT + COLUMN * timeline.columns.len(), PITCH * rows);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "Timeline" }
                style { (PreEscaped(style())) }
            }
            body {
                header {
                    (legend("ok", "ok")) (legend("fail", "fail: did not happen"))
                    (legend("info", "info: nobody knows"))
                    @if hidden > 0 { span { (hidden) " additional operations not shown" } }
                }
                div.names style={ "width:" (width) "px" } {
                    @for (process, column) in &timeline.columns {
                        span style={ "left:" (LEFT + COLUMN * column) "px" } { (process) }
                    }
                }
                main style={ "width:" (width) "px;height:" (height) "px" } {
                    (timeline.faults(faults))
                    (timeline.times())
                    @for cell in &timeline.cells { (timeline.cell(cell)) }
                }
            }
        }
    }
    .into_string()
}

fn legend(class: &str, text: &str) -> Markup {
    html! { span { i class=(class) {} (text) } }
}

fn style() -> String {
    let colour = |outcome| outcome_colour(outcome);
    let (ok, info, fail) = (colour(Kind::Ok), colour(Kind::Info), colour(Kind::Fail));
    format!(
        "body{{margin:0;font:11px {FONT};color:#111}}\
         header{{padding:10px {LEFT}px 4px;position:sticky;left:0;width:40rem}}\
         header span{{margin-right:1.5rem}}\
         header i{{display:inline-block;width:12px;height:12px;margin-right:5px;vertical-align:-2px}}\
         .names{{position:sticky;top:0;height:20px;background:#fff;border-bottom:1px solid #ccc;z-index:2}}\
         .names span{{position:absolute;top:3px;font-weight:600}}\
         main{{position:relative;margin-top:4px}}\
         main a,main b,main i{{position:absolute}}\
         main a{{width:{cell}px;overflow:hidden;white-space:nowrap;text-overflow:ellipsis;\
         border-radius:2px;padding:0 3px;box-sizing:border-box;color:#111;text-decoration:none;\
         line-height:{line}px}}\
         main a:hover,main a:target{{outline:2px solid #111;z-index:1}}\
         main b{{opacity:.4}}\
         main i{{left:6px;color:#888;font-style:normal}}\
         .ok{{background:{ok}}}.info{{background:{info}}}.fail{{background:{fail}}}",
        cell = COLUMN - 4,
        line = PITCH - 1,
    )
}

struct Timeline<'a> {
    cells: Vec<Cell<'a>>,
    columns: BTreeMap<Process, usize>,
    /// The entry that each row is of.
    rows: Vec<&'a Operation>,
}

impl<'a> Timeline<'a> {
    fn of(history: &'a History) -> Timeline<'a> {
        let shown: Vec<_> = history.pairs().take(PAIRS_MAX).collect();
        let mut rows: Vec<&Operation> = shown
            .iter()
            .flat_map(|(invocation, completion)| [Some(*invocation), *completion])
            .flatten()
            .collect();
        rows.sort_unstable_by_key(|op| op.index);
        let row_of: BTreeMap<usize, usize> = rows
            .iter()
            .enumerate()
            .map(|(row, op)| (op.index, row))
            .collect();
        let mut columns: BTreeMap<Process, usize> = rows.iter().map(|op| (op.process, 0)).collect();
        for (number, column) in columns.values_mut().enumerate() {
            *column = number;
        }
        let end = rows.len().saturating_sub(1);
        let cells = shown
            .into_iter()
            .map(|(invocation, completion)| Cell {
                invocation,
                completion,
                first_row: row_of[&invocation.index],
                last_row: completion.map_or(end, |completion| row_of[&completion.index]),
            })
            .collect();
        Timeline {
            cells,
            columns,
            rows,
        }
    }

    fn cell(&self, cell: &Cell<'_>) -> Markup {
        let left = LEFT + COLUMN * self.columns[&cell.invocation.process];
        let (top, rows) = (PITCH * cell.first_row, cell.last_row - cell.first_row + 1);
        let index = cell.invocation.index;
        let outcome = cell.completion.map_or(Kind::Info, |op| op.kind);
        html! {
            a id={ "i" (index) } href={ "#i" (index) } class=(outcome.name())
                style={ "left:" (left) "px;top:" (top) "px;height:" (PITCH * rows - 1) "px" }
                title=(details(cell))
            {
                (cell.invocation.f) " " (shortened(&value(cell).to_string(), CELL_MAX))
            }
            "\n"
        }
    }

    fn times(&self) -> Markup {
        let rows = self.rows.iter().enumerate().step_by(ROWS_PER_TIME);
        html! {
            @for (row, op) in rows {
                i style={ "top:" (PITCH * row) "px" } { (seconds(op)) }
            }
        }
    }

    fn faults(&self, faults: &[Interval]) -> Markup {
        let row = |at| self.rows.partition_point(|op| op.time < at);
        let width = (LEFT + COLUMN * self.columns.len()) as f64;
        let bands = bands(faults, width, LEFT as f64 - 6.0);
        let bands = bands.map(|band| (band, row(band.0.from), row(band.0.to)));
        html! {
            @for ((fault, left, right), from, to) in bands {
                b style={ "top:" (PITCH * from) "px;height:" (PITCH * (to - from)) "px;"
                          "left:" (left) "px;width:" (right - left) "px;"
                          "background:" (fault.family.colour) }
                    title={ (fault.family.name) "\n" (fault.details) } {}
            }
        }
    }
}

/// What came of the operation, or what it was about.
fn value<'a>(cell: &Cell<'a>) -> &'a Value {
    match cell.completion {
        Some(completion) if completion.kind == Kind::Ok => &completion.value,
        _ => &cell.invocation.value,
    }
}

fn seconds(op: &Operation) -> String {
    format!("{:.3} s", op.time.as_secs_f64())
}

fn details(cell: &Cell<'_>) -> String {
    let begin = cell.invocation;
    let text = |value: &Value| shortened(&value.to_string(), HOVER_MAX);
    let mut lines = vec![
        format!("{} by process {}", begin.f, begin.process),
        format!(
            "{} invoke {} (operation {})",
            seconds(begin),
            text(&begin.value),
            begin.index
        ),
    ];
    if let Some(end) = cell.completion {
        let kind = end.kind.name();
        let value = text(&end.value);
        lines.push(format!(
            "{} {kind} {value} (operation {})",
            seconds(end),
            end.index
        ));
        lines.extend(
            end.error
                .iter()
                .map(|error| format!("error {}", text(error))),
        );
        let latency = end.time.saturating_sub(begin.time).as_secs_f64() * 1000.0;
        lines.push(format!("took {latency:.3} ms"));
    } else {
        lines.push("never completed".to_owned());
    }
    lines.join("\n")
}
