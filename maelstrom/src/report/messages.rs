//! The diagram of messages: who said what to whom, in order.
//!
//! Time runs downwards, one row for each event of the journal, so that every send and every receipt
//! has a height of its own. An arrow goes from where a message was sent to where it was received.

mod lanes;
mod phrase;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use self::lanes::Lanes;
use self::phrase::Phrase;
use super::faults::{Interval, bands};
use super::style::{FONT, outcome_colour};
use super::svg::{Svg, px, shortened};
use crate::history::Kind;
use crate::net::{Event, EventKind, Journal};

/// So many events are shown at most.
pub const EVENTS_MAX: usize = 10_000;

const WIDTH: f64 = 1200.0;
/// The height of a row, in pixels.
const PITCH: f64 = 20.0;
const TOP: f64 = 70.0;
/// The names of the lanes are repeated after so many rows.
const ROWS_PER_HEADER: usize = 45;
/// The time stands beside every so-manieth row.
const ROWS_PER_TIME: usize = 5;

/// Bodies are shown in full up to so many characters, while the pointer rests on their arrow.
const HOVER_MAX: usize = 600;

/// A width that is about that of a character of a label.
const CHARACTER: f64 = 6.1;

/// Draws the journal's beginning, without the initialisation of nodes.
pub(super) fn diagram(journal: &Journal, faults: &[Interval]) -> String {
    let phrases: Vec<Phrase> = journal.events().iter().map(Phrase::of).collect();
    let events: Vec<(&Event, &Phrase)> = journal
        .events()
        .iter()
        .zip(&phrases)
        .filter(|(_, phrase)| !phrase.is_init())
        .take(EVENTS_MAX)
        .collect();
    let recorded = journal.all().sent + journal.all().received;
    let init = phrases.iter().filter(|phrase| phrase.is_init()).count();
    let hidden = (recorded as usize).saturating_sub(events.len() + init);

    let bottom = TOP + PITCH * events.len() as f64;
    let notice = if hidden > 0 { 50.0 } else { 20.0 };
    let mut diagram = Diagram {
        svg: Svg::new(WIDTH, bottom + notice, &style()),
        journal,
        lanes: Lanes::of(journal, &events),
        received: events
            .iter()
            .filter(|(event, _)| event.kind == EventKind::Receive)
            .map(|(event, _)| event.message.id)
            .collect(),
        complete: hidden == 0,
    };
    diagram.background(&events, faults);
    diagram.lanes(events.len());
    diagram.messages(&events);
    if hidden > 0 {
        let text = format!("{hidden} additional events not shown");
        let middle = (WIDTH / 2.0, bottom + 25.0);
        diagram.svg.text("notice", middle, &text);
    }
    diagram.svg.finish()
}

fn style() -> String {
    let (client, error) = (outcome_colour(Kind::Ok), outcome_colour(Kind::Fail));
    format!(
        "text{{font:11px {FONT};fill:#000}}.name{{font-weight:600;text-anchor:middle;\
         paint-order:stroke;stroke:#fff;stroke-width:4px}}\
         .time{{fill:#888;text-anchor:end;font-size:10px}}.notice{{font-size:14px;text-anchor:middle}}\
         .lane{{stroke:#ccd0d4}}.node{{stroke:#8a9199}}\
         .m path{{fill:none;stroke:#000;stroke-width:1.2}}\
         .m .tip{{fill:#000;stroke:none}}\
         .m text{{fill:#000;paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-opacity:.85}}\
         .m.client path{{stroke:{client}}}.m.client .tip{{fill:{client};stroke:none}}\
         .m.client text{{fill:#2473b8}}\
         .m.error path{{stroke:{error}}}.m.error .tip{{fill:{error};stroke:none}}\
         .m.error text{{fill:{error}}}\
         .left{{text-anchor:end}}.mid{{text-anchor:middle}}.m:hover path{{stroke-width:2.5}}"
    )
}

struct Diagram<'a> {
    svg: Svg,
    journal: &'a Journal,
    lanes: Lanes<'a>,
    /// The messages that arrived.
    received: BTreeSet<u64>,
    /// Whether the whole journal is shown, so that what is not received never was.
    complete: bool,
}

fn row_y(row: usize) -> f64 {
    TOP + PITCH * row as f64
}

impl Diagram<'_> {
    /// Intervals with faults, and the time beside the rows.
    fn background(&mut self, events: &[(&Event, &Phrase)], faults: &[Interval]) {
        let rect = self.svg.element("rect").with("fill", "#fff");
        rect.with("width", "100%").with("height", "100%").empty();
        let time = |event: &Event| event.time.saturating_sub(self.journal.origin());
        for (fault, left, right) in bands(faults, WIDTH, lanes::LEFT - 6.0) {
            let row = |at: Duration| events.partition_point(|(event, _)| time(event) < at);
            let (from, to) = (row(fault.from), row(fault.to));
            if from == to {
                continue;
            }
            let height = PITCH * (to - from) as f64;
            let rect = self.svg.element("rect").with("class", "fault");
            rect.with("fill", fault.family.colour)
                .with("fill-opacity", 0.45)
                .with("x", px(left))
                .with("y", px(row_y(from) - PITCH / 2.0))
                .with("width", px(right - left))
                .with("height", px(height))
                .holding(|svg| svg.hover(&format!("{}\n{}", fault.family.name, fault.details)));
        }
        for (row, (event, _)) in events.iter().enumerate().step_by(ROWS_PER_TIME) {
            let text = format!("{:.3}", time(event).as_secs_f64());
            let at = (lanes::LEFT - 12.0, row_y(row) + 3.5);
            self.svg.text("time", at, &text);
        }
    }

    fn lanes(&mut self, rows: usize) {
        let bottom = row_y(rows);
        for lane in self.lanes.iter() {
            let class = if lane.is_node { "lane node" } else { "lane" };
            self.svg.line(class, (lane.x, TOP - 12.0), (lane.x, bottom));
        }
        let upright = self.lanes.spacing_min() > 44.0;
        for row in (0..rows.max(1)).step_by(ROWS_PER_HEADER) {
            // Between two rows, except at the top.
            let y = row_y(row) - if row == 0 { 18.0 } else { PITCH / 2.0 - 3.5 };
            for lane in self.lanes.iter() {
                let name = self.svg.element("text").with("class", "name");
                if upright {
                    name.with("x", px(lane.x)).with("y", px(y))
                } else {
                    let (x, y) = (px(lane.x + 3.5), px(y - 12.0));
                    let turned = format_args!("translate({x} {y}) rotate(-90)");
                    name.with("transform", turned)
                }
                .holding_text(lane.name);
            }
        }
    }

    fn messages(&mut self, events: &[(&Event, &Phrase)]) {
        let mut sent: BTreeMap<u64, usize> = BTreeMap::new();
        for (row, (event, phrase)) in events.iter().enumerate() {
            let id = event.message.id;
            match event.kind {
                EventKind::Send => {
                    sent.insert(id, row);
                    if !self.received.contains(&id) {
                        self.stump(row, event, phrase);
                    }
                }
                EventKind::Receive => {
                    if let Some(from) = sent.get(&id) {
                        self.arrow(*from, row, event, phrase);
                    }
                }
            }
        }
    }

    fn class(&self, phrase: &Phrase, event: &Event) -> &'static str {
        let is_client = |id| self.journal.name(id).starts_with('c');
        if phrase.is_error() {
            "m error"
        } else if is_client(event.message.src) || is_client(event.message.dest) {
            "m client"
        } else {
            "m"
        }
    }

    fn hover(&self, event: &Event) -> String {
        let message = &event.message;
        let [src, dest] = [message.src, message.dest].map(|id| self.journal.name(id));
        format!("{src} → {dest} {}", shortened(&message.body, HOVER_MAX))
    }

    fn arrow(&mut self, from: usize, to: usize, event: &Event, phrase: &Phrase) {
        let (src, dest) = (event.message.src, event.message.dest);
        let start = (self.lanes.x(src), row_y(from));
        let end = (self.lanes.x(dest), row_y(to));
        let (class, hover) = (self.class(phrase, event), self.hover(event));
        let group = self.svg.element("g").with("class", class);
        group.holding(|svg| {
            svg.hover(&hover);
            let line = if src == dest {
                let out = start.0 + 26.0;
                let [x, top, out, bottom] = [start.0, start.1, out, end.1].map(px);
                format!("M{x} {top}C{out} {top} {out} {bottom} {x} {bottom}")
            } else {
                let [x, y, to_x, to_y] = [start.0, start.1, end.0, end.1].map(px);
                format!("M{x} {y}L{to_x} {to_y}")
            };
            svg.element("path")
                .with("class", "arrow")
                .with("d", line)
                .empty();
            svg.element("path")
                .with("class", "tip")
                .with("d", tip(start, end))
                .empty();
            label(svg, start, end, &phrase.text);
        });
    }

    /// A message without an arrow. If the whole journal is shown it never arrived, and is crossed
    /// out; else it may have arrived later.
    fn stump(&mut self, row: usize, event: &Event, phrase: &Phrase) {
        let class = self.class(phrase, event);
        let (x, y) = (self.lanes.x(event.message.src), row_y(row));
        let toward = (self.lanes.x(event.message.dest) - x).signum();
        let (fate, cross) = if self.complete {
            ("never received", "m-3.5-3.5l7 7m0-7l-7 7")
        } else {
            ("not received in what is shown", "")
        };
        let hover = format!("{}\n{fate}", self.hover(event));
        let group = self.svg.element("g").with("class", class);
        group.holding(|svg| {
            svg.hover(&hover);
            let (x, end, y) = (px(x), px(x + 14.0 * toward), px(y));
            let path = svg.element("path").with("class", "stump");
            path.with("d", format_args!("M{x} {y}H{end}{cross}"))
                .empty();
        });
    }
}

/// The tip of an arrow from one point to another.
fn tip(start: (f64, f64), end: (f64, f64)) -> String {
    let (mut x, mut y) = (end.0 - start.0, end.1 - start.1);
    if x == 0.0 {
        // A message to oneself comes back from the right.
        (x, y) = (-1.0, 0.0);
    }
    let length = x.hypot(y);
    let (x, y) = (x / length, y / length);
    let at = |back: f64, side: f64| {
        let (px_x, px_y) = (
            px(end.0 - x * back - y * side),
            px(end.1 - y * back + x * side),
        );
        format!("{px_x} {px_y}")
    };
    format!("M{}L{}L{}z", at(0.0, 0.0), at(7.0, 3.0), at(7.0, -3.0))
}

/// Along the arrow where there is room; else beside its tip, which has a row of its own.
fn label(svg: &mut Svg, start: (f64, f64), end: (f64, f64), text: &str) {
    let width = CHARACTER * text.chars().count() as f64;
    let (across, down) = (end.0 - start.0, end.1 - start.1);
    if across.abs() > width + 16.0 && down < across.abs() / 2.0 {
        let (x, y) = ((start.0 + end.0) / 2.0, (start.1 + end.1) / 2.0);
        let angle = (down / across).atan().to_degrees();
        let turned = format!("translate({} {}) rotate({})", px(x), px(y - 3.0), px(angle));
        let label = svg.element("text").with("class", "mid");
        label.with("transform", turned).holding_text(text);
        return;
    }
    // Beyond the tip, unless the edge is near.
    let beyond_right = (across > 0.0 || end.0 - width < lanes::LEFT) && end.0 + width < WIDTH;
    let (class, x) = if beyond_right {
        ("", end.0 + 7.0)
    } else {
        ("left", end.0 - 7.0)
    };
    svg.text(class, (x, end.1 + 3.5), text);
}
