//! A plot over the time of a run: axes, grid, legend, and the intervals in which faults were in
//! force.
//!
//! Points of a series become one path. Those that would cover each other are drawn once, so that
//! the size of a plot is bounded by its area, however long the run was.

mod scale;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

pub(super) use scale::Scale;

use super::faults::{Interval, families, strips};
use super::style::FONT;
use super::svg::{Svg, px};

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 812.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 388.0;

/// Points of a series that share a cell of this grid, in pixels, are drawn once.
const GRID: f64 = 2.0;

const LEGEND_X: f64 = RIGHT + 22.0;
const LEGEND_PITCH: f64 = 19.0;

/// The shapes of points: path data relative to the centre. The first is the dot, a line of no
/// length with a round end.
const MARKS: [&str; 6] = [
    "h0",
    "m-2.5-2.5h5v5h-5z",
    "m0-3.2l3.1 5.4h-6.2z",
    "m-2.7-2.7l5.4 5.4m0-5.4l-5.4 5.4",
    "m0-3.6l3.6 3.6l-3.6 3.6l-3.6-3.6z",
    "m-3.5 0h7m-3.5-3.5v7",
];

/// What is drawn in one colour and shape.
pub(super) struct Series {
    /// What the legend calls it.
    pub name: String,
    /// Its colour.
    pub colour: &'static str,
    /// Which shape; there are six, and then they repeat.
    pub mark: usize,
    /// Seconds, and what was measured then.
    pub points: Vec<(f64, f64)>,
}

/// A plot under construction.
pub(super) struct Plot {
    svg: Svg,
    x: Scale,
    y: Scale,
    legend_y: f64,
}

impl Plot {
    /// A plot with axes, of a run that lasted so long, with the faults that were in force.
    pub fn new(title: &str, label: &str, end: Duration, y: Scale, faults: &[Interval]) -> Plot {
        let style = format!(
            "text{{font:12px {FONT};fill:#333}}.title{{font-size:15px;font-weight:600}}\
             .end{{text-anchor:end}}.mid{{text-anchor:middle}}\
             .grid{{stroke:#e4e6e8}}.fine{{stroke:#f2f3f4}}.axis{{stroke:#888}}\
             .marks{{fill:none;stroke-width:1.3}}\
             .dots{{fill:none;stroke-width:4.6;stroke-linecap:round}}\
             .course{{fill:none;stroke-width:1.5;stroke-linejoin:round}}"
        );
        let mut svg = Svg::new(WIDTH, HEIGHT, &style);
        svg.element("rect")
            .with("width", "100%")
            .with("height", "100%")
            .with("fill", "#fff")
            .empty();
        let mut plot = Plot {
            svg,
            x: Scale::linear(end.as_secs_f64().max(0.001)),
            y,
            legend_y: TOP + 6.0,
        };
        plot.shade(faults);
        plot.axes(label);
        plot.svg.text("title", (LEFT, 26.0), title);
        plot
    }

    /// Draws points.
    pub fn points(&mut self, series: &Series) {
        let mut drawn = BTreeSet::new();
        let mut path = String::new();
        for &point in &series.points {
            let (x, y) = self.place(point);
            let cell = ((x / GRID) as i64, (y / GRID) as i64);
            if drawn.insert(cell) {
                append(&mut path, 'M', (x, y));
                path.push_str(mark(series.mark));
            }
        }
        self.draw(series, marks_class(series.mark), &path);
        self.legend(series);
    }

    /// Draws points and joins those that follow each other within `gap_max` seconds.
    pub fn course(&mut self, series: &Series, gap_max: f64) {
        let mut path = String::new();
        let mut last = None;
        for &point in &series.points {
            let joined = last.is_some_and(|last| point.0 - last <= gap_max);
            let command = if joined { 'L' } else { 'M' };
            append(&mut path, command, self.place(point));
            last = Some(point.0);
        }
        self.draw(series, "course", &path);
        self.points(series);
    }

    /// As [`course`](Plot::course) without gaps, but points at 0 are only joined: where nothing
    /// happened there is nothing to mark.
    pub fn counts(&mut self, series: &Series) {
        let mut path = String::new();
        for (i, &point) in series.points.iter().enumerate() {
            append(&mut path, if i == 0 { 'M' } else { 'L' }, self.place(point));
        }
        self.draw(series, "course", &path);
        let marked = series.points.iter().copied().filter(|(_, y)| *y > 0.0);
        self.points(&Series {
            name: series.name.clone(),
            points: marked.collect(),
            ..*series
        });
    }

    /// The finished document.
    pub fn finish(self) -> String {
        self.svg.finish()
    }

    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let x = LEFT + self.x.place(x) * (RIGHT - LEFT);
        let y = BOTTOM - self.y.place(y) * (BOTTOM - TOP);
        (x, y)
    }

    fn draw(&mut self, series: &Series, class: &str, path: &str) {
        if !path.is_empty() {
            let path_element = self.svg.element("path").with("class", class);
            path_element
                .with("stroke", series.colour)
                .with("d", path)
                .empty();
        }
    }

    fn legend(&mut self, series: &Series) {
        let y = self.legend_y;
        let mut path = String::new();
        append(&mut path, 'M', (LEGEND_X, y));
        path.push_str(mark(series.mark));
        self.draw(series, marks_class(series.mark), &path);
        self.legend_text(&series.name);
    }

    fn legend_text(&mut self, text: &str) {
        let at = (LEGEND_X + 14.0, self.legend_y + 4.0);
        self.svg.text("", at, text);
        self.legend_y += LEGEND_PITCH;
    }

    fn shade(&mut self, faults: &[Interval]) {
        for (fault, top, bottom) in strips(faults) {
            let x = |at: Duration| LEFT + self.x.place(at.as_secs_f64()) * (RIGHT - LEFT);
            let y = |fraction: f64| TOP + fraction * (BOTTOM - TOP);
            let (left, right) = (x(fault.from), x(fault.to));
            let rect = self.svg.element("rect").with("class", "fault");
            rect.with("x", px(left))
                .with("y", px(y(top)))
                .with("width", px((right - left).max(1.0)))
                .with("height", px(y(bottom) - y(top)))
                .with("fill", fault.family.colour)
                .with("fill-opacity", 0.55)
                .holding(|svg| {
                    let (from, to) = (fault.from.as_secs_f64(), fault.to.as_secs_f64());
                    let Interval {
                        family, details, ..
                    } = fault;
                    svg.hover(&format!(
                        "{} {from:.2} to {to:.2} s\n{details}",
                        family.name
                    ));
                });
        }
        for family in families(faults) {
            let square = self.svg.element("rect").with("fill", family.colour);
            square
                .with("x", px(LEGEND_X - 5.0))
                .with("y", px(self.legend_y - 6.0))
                .with("width", 10)
                .with("height", 12)
                .empty();
            self.legend_text(family.name);
        }
    }

    fn axes(&mut self, label: &str) {
        for tick in self.y.ticks() {
            let y = BOTTOM - self.y.place(tick.value) * (BOTTOM - TOP);
            let class = if tick.label.is_some() { "grid" } else { "fine" };
            self.svg.line(class, (LEFT, y), (RIGHT, y));
            if let Some(label) = tick.label {
                self.svg.text("end", (LEFT - 8.0, y + 4.0), &label);
            }
        }
        for tick in self.x.ticks() {
            let x = LEFT + self.x.place(tick.value) * (RIGHT - LEFT);
            self.svg.line("axis", (x, BOTTOM), (x, BOTTOM + 5.0));
            if let Some(label) = tick.label {
                self.svg.text("mid", (x, BOTTOM + 20.0), &label);
            }
        }
        self.svg.line("axis", (LEFT, BOTTOM), (RIGHT, BOTTOM));
        self.svg.line("axis", (LEFT, TOP), (LEFT, BOTTOM));
        let middle = (LEFT + RIGHT) / 2.0;
        self.svg.text("mid", (middle, BOTTOM + 42.0), "time (s)");
        let (x, y) = (18.0, (TOP + BOTTOM) / 2.0);
        self.svg
            .element("text")
            .with("class", "mid")
            .with("transform", format_args!("translate({x} {y}) rotate(-90)"))
            .holding_text(label);
    }
}

fn mark(number: usize) -> &'static str {
    MARKS[number % MARKS.len()]
}

fn marks_class(number: usize) -> &'static str {
    if number.is_multiple_of(MARKS.len()) {
        "dots"
    } else {
        "marks"
    }
}

fn append(path: &mut String, command: char, (x, y): (f64, f64)) {
    write!(path, "{command}{} {}", px(x), px(y)).expect("writing to a string cannot fail");
}
