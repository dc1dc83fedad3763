//! Charts as data: a checker describes what a chart shows, and the report draws all charts in one
//! style.

use std::time::Duration;

/// A chart.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Chart {
    /// Values over time, a line for each series.
    Lines {
        /// The title.
        title: String,
        /// The unit of the values, for the axis.
        unit: String,
        /// The lines.
        series: Vec<Series>,
        /// Moments to mark.
        marks: Vec<Mark>,
    },
    /// Intervals over time, a row for each name: the terms of leaders, for example.
    Spans {
        /// The title.
        title: String,
        /// The intervals, in any order.
        spans: Vec<Span>,
    },
    /// Samples of groups side by side, as histogram and box plot on one axis.
    Distribution {
        /// The title.
        title: String,
        /// The unit of the samples, for the axis.
        unit: String,
        /// The groups, such as `without faults` and `during faults`.
        groups: Vec<Group>,
    },
}

/// A line of a [`Chart::Lines`].
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name in the legend.
    pub name: String,
    /// Points, ordered by time since the run's origin.
    pub points: Vec<(Duration, f64)>,
    /// Whether a value holds until the next point (a staircase), as stock does.
    pub stepped: bool,
}

/// A moment that a chart marks.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Time since the run's origin.
    pub at: Duration,
    /// What happened, in a few words.
    pub label: String,
    /// The index of the operation that shows it, if there is one.
    pub operation: Option<usize>,
}

/// An interval of a [`Chart::Spans`].
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The row, such as the name of a node.
    pub row: String,
    /// What the interval is, such as `term 7`.
    pub label: String,
    /// The beginning, since the run's origin.
    pub from: Duration,
    /// The end.
    pub to: Duration,
    /// Whether the interval shows something wrong.
    pub wrong: bool,
}

/// Samples of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The name in the legend.
    pub name: String,
    /// The samples, in any order.
    pub samples: Vec<f64>,
}
