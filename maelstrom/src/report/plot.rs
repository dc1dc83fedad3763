//! A plot: axes, grid, legend, and the intervals in which faults were in force.
//!
//! Points of a series become one path. Points that would cover each other are drawn once, so the
//! size of a plot is bounded by its area, however long the run was. A plot has its scales as
//! attributes, from which the page computes the value under the pointer.

mod scale;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

pub(super) use scale::Scale;

use super::faults::{Interval, families, strips};
use super::style::PLOT;
use super::svg::{Svg, px};

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 812.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 388.0;

/// The size of a cell of the grid in which points of a series are drawn once, in pixels.
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

/// The colours of series that differ in colour alone.
pub(super) const COLOURS: [&str; 8] = [
    "#3B82D0", "#E08A1E", "#4C9F70", "#9A63C9", "#C2638A", "#1FA3A3", "#8A7A3B", "#7C8794",
];

/// Points that are drawn in one colour and shape.
#[derive(Clone, Default)]
pub(super) struct Series {
    /// The name in the legend.
    pub name: String,
    /// The colour.
    pub colour: &'static str,
    /// The number of the shape. There are six, which repeat.
    pub mark: usize,
    /// The points, in the units of the axes.
    pub points: Vec<(f64, f64)>,
    /// The operation of each point; empty if the points are not operations.
    pub operations: Vec<usize>,
}

/// An axis: its label, and its range.
pub(super) struct Axis<'a> {
    /// The label, with the unit.
    pub label: &'a str,
    /// The range.
    pub scale: Scale,
}

/// A plot under construction.
pub(super) struct Plot {
    svg: Svg,
    x: Scale,
    y: Scale,
    top: f64,
    legend_y: f64,
}

impl Plot {
    /// Creates a plot over the time of a run that lasted until `end`, with its faults.
    pub fn over_time(
        title: &str,
        label: &str,
        end: Duration,
        y: Scale,
        faults: &[Interval],
    ) -> Plot {
        let scale = Scale::linear(end.as_secs_f64().max(0.001));
        let time = Axis {
            label: "time (s)",
            scale,
        };
        let mut plot = Plot::frame(title, time, Axis { label, scale: y }, 0.0);
        plot.shade(faults);
        plot
    }

    /// Creates a plot with any axes. `room` pixels above the axes are kept free.
    pub fn of_values(title: &str, x: Axis<'_>, y: Axis<'_>, room: f64) -> Plot {
        Plot::frame(title, x, y, room)
    }

    fn frame(title: &str, x: Axis<'_>, y: Axis<'_>, room: f64) -> Plot {
        let top = TOP + room;
        let range = format!("{LEFT},{RIGHT},{top},{BOTTOM}");
        let attributes = [
            ("class", "plot".to_owned()),
            ("data-range", range),
            ("data-x", x.scale.to_string()),
            ("data-y", y.scale.to_string()),
            ("data-labels", format!("{}|{}", x.label, y.label)),
            ("role", "img".to_owned()),
            ("aria-label", title.to_owned()),
        ];
        let mut plot = Plot {
            svg: Svg::new(WIDTH, HEIGHT, &attributes, PLOT),
            x: x.scale,
            y: y.scale,
            top,
            legend_y: TOP + 6.0,
        };
        let rect = plot.svg.element("rect").with("class", "paper");
        rect.with("width", "100%").with("height", "100%").empty();
        plot.axes(x.label, y.label);
        plot.svg.text("title", (LEFT, 26.0), title);
        plot
    }

    /// Draws points.
    pub fn points(&mut self, series: &Series) {
        let mut drawn = BTreeSet::new();
        let mut path = String::new();
        let mut operations = String::new();
        for (number, &point) in series.points.iter().enumerate() {
            let (x, y) = self.place(point);
            let cell = ((x / GRID) as i64, (y / GRID) as i64);
            if drawn.insert(cell) {
                append(&mut path, 'M', (x, y));
                path.push_str(mark(series.mark));
                if let Some(operation) = series.operations.get(number) {
                    let comma = if operations.is_empty() { "" } else { "," };
                    write!(operations, "{comma}{operation}").expect(INFALLIBLE);
                }
            }
        }
        self.draw(series, marks_class(series.mark), &path, &operations);
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
        self.draw(series, "course", &path, "");
        self.points(series);
    }

    /// Draws a line without gaps, and marks at those of its points that are not 0.
    pub fn counts(&mut self, series: &Series) {
        self.draw(series, "course", &self.line(&series.points, false), "");
        let marked = series.points.iter().copied().filter(|(_, y)| *y > 0.0);
        self.points(&Series {
            points: marked.collect(),
            ..series.clone()
        });
    }

    /// Draws a line without marks; `stepped` if a value holds until the next point.
    pub fn curve(&mut self, series: &Series, stepped: bool) {
        let path = self.line(&series.points, stepped);
        self.draw(series, "course", &path, "");
        self.legend(series);
    }

    /// Fills the area below the points, without an entry in the legend.
    pub fn area(&mut self, series: &Series) {
        let (Some(first), Some(last)) = (series.points.first(), series.points.last()) else {
            return;
        };
        let mut path = self.line(&series.points, true);
        append(&mut path, 'L', self.place((last.0, 0.0)));
        append(&mut path, 'L', self.place((first.0, 0.0)));
        let area = self.svg.element("path").with("class", "area");
        area.with("fill", series.colour).with("d", path).empty();
    }

    /// Draws a box plot in a row of the room above the axes.
    pub fn box_plot(&mut self, colour: &str, row: usize, quantiles: [f64; 5]) {
        let y = TOP + 12.0 + 20.0 * row as f64;
        let [least, lower, middle, upper, greatest] =
            quantiles.map(|value| self.place((value, 0.0)).0);
        let path = format!(
            "M{l} {y}H{a}M{b} {y}H{g}M{l} {t}V{u}M{g} {t}V{u}M{a} {t}H{b}V{u}H{a}zM{m} {t}V{u}",
            l = px(least),
            a = px(lower),
            m = px(middle),
            b = px(upper),
            g = px(greatest),
            t = px(y - 6.0),
            u = px(y + 6.0),
        );
        let [least, lower, middle, upper, greatest] = quantiles.map(|value| format!("{value:.3}"));
        let text = format!(
            "least {least}\nquarter {lower}\nmedian {middle}\nthree quarters {upper}\ngreatest {greatest}"
        );
        let element = self.svg.element("path").with("class", "box");
        element
            .with("stroke", colour)
            .with("d", path)
            .holding(|svg| svg.hover(&text));
    }

    /// Marks a moment with a vertical line and a text.
    pub fn moment(&mut self, at: Duration, label: &str, operation: Option<usize>) {
        let x = LEFT + self.x.place(at.as_secs_f64()) * (RIGHT - LEFT);
        let top = self.top;
        let draw = |svg: &mut Svg| {
            let (x, top, bottom) = (px(x), px(top), px(BOTTOM));
            let path = svg.element("path").with("class", "moment");
            path.with("d", format_args!("M{x} {top}V{bottom}"))
                .holding(|svg| svg.hover(&format!("{:.3} s: {label}", at.as_secs_f64())));
        };
        match operation {
            Some(index) => {
                let link = self.svg.element("a");
                link.with("href", format_args!("timeline.html#i{index}"))
                    .holding(draw);
            }
            None => draw(&mut self.svg),
        }
    }

    /// Returns the finished document.
    pub fn finish(self) -> String {
        self.svg.finish()
    }

    fn line(&self, points: &[(f64, f64)], stepped: bool) -> String {
        let mut path = String::new();
        let mut last: Option<(f64, f64)> = None;
        for &point in points {
            let (x, y) = self.place(point);
            match last {
                None => append(&mut path, 'M', (x, y)),
                // Skip points that fall on the same pixel.
                Some(last) if (last.0 - x).abs() < 0.1 && (last.1 - y).abs() < 0.1 => continue,
                Some(last) => {
                    if stepped {
                        append(&mut path, 'L', (x, last.1));
                    }
                    append(&mut path, 'L', (x, y));
                }
            }
            last = Some((x, y));
        }
        path
    }

    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let x = LEFT + self.x.place(x) * (RIGHT - LEFT);
        let y = BOTTOM - self.y.place(y) * (BOTTOM - self.top);
        (x, y)
    }

    fn draw(&mut self, series: &Series, class: &str, path: &str, operations: &str) {
        if path.is_empty() {
            return;
        }
        let mut element = self.svg.element("path").with("class", class);
        if !series.name.is_empty() {
            element = element.with("data-name", &series.name);
        }
        if !operations.is_empty() {
            element = element.with("data-ops", operations);
        }
        element
            .with("stroke", series.colour)
            .with("d", path)
            .empty();
    }

    fn legend(&mut self, series: &Series) {
        let y = self.legend_y;
        let mut path = String::new();
        append(&mut path, 'M', (LEGEND_X, y));
        path.push_str(mark(series.mark));
        let unnamed = Series {
            name: String::new(),
            colour: series.colour,
            mark: series.mark,
            ..Series::default()
        };
        self.draw(&unnamed, marks_class(series.mark), &path, "");
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
            let y = |fraction: f64| self.top + fraction * (BOTTOM - self.top);
            let (left, right) = (x(fault.from), x(fault.to));
            let rect = self.svg.element("rect").with("class", "fault");
            rect.with("x", px(left))
                .with("y", px(y(top)))
                .with("width", px((right - left).max(1.0)))
                .with("height", px(y(bottom) - y(top)))
                .with("fill", fault.family.colour)
                .holding(|svg| {
                    let (from, to) = (fault.from.as_secs_f64(), fault.to.as_secs_f64());
                    let name = &fault.family.name;
                    let place = &fault.place;
                    svg.hover(&format!("{name} {from:.2} to {to:.2} s\n{place}"));
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
            self.legend_text(&family.name);
        }
    }

    fn axes(&mut self, x_label: &str, y_label: &str) {
        for tick in self.y.ticks() {
            let y = self.place((0.0, tick.value)).1;
            let class = if tick.label.is_some() { "grid" } else { "fine" };
            self.svg.line(class, (LEFT, y), (RIGHT, y));
            if let Some(label) = tick.label {
                self.svg.text("end", (LEFT - 8.0, y + 4.0), &label);
            }
        }
        for tick in self.x.ticks() {
            let x = self.place((tick.value, 0.0)).0;
            self.svg.line("axis", (x, BOTTOM), (x, BOTTOM + 5.0));
            if let Some(label) = tick.label {
                self.svg.text("mid", (x, BOTTOM + 20.0), &label);
            }
        }
        self.svg.line("axis", (LEFT, BOTTOM), (RIGHT, BOTTOM));
        self.svg.line("axis", (LEFT, self.top), (LEFT, BOTTOM));
        let middle = (LEFT + RIGHT) / 2.0;
        self.svg.text("mid", (middle, BOTTOM + 42.0), x_label);
        let (x, y) = (18.0, (self.top + BOTTOM) / 2.0);
        self.svg
            .element("text")
            .with("class", "mid")
            .with("transform", format_args!("translate({x} {y}) rotate(-90)"))
            .holding_text(y_label);
    }
}

const INFALLIBLE: &str = "writing to a string cannot fail";

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
    write!(path, "{command}{} {}", px(x), px(y)).expect(INFALLIBLE);
}
