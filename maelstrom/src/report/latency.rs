//! Plots of latencies: of each operation, and quantiles over windows of time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::faults::Interval;
use super::plot::{Plot, Scale, Series};
use super::style::outcome_colour;
use crate::history::{History, Kind, quantile};

/// The quantiles that are drawn, with their colours.
const QUANTILES: [(f64, &str); 4] = [
    (0.5, "#4C9F70"),
    (0.95, "#3B82D0"),
    (0.99, "#E08A1E"),
    (1.0, "#9A63C9"),
];

/// The window of quantiles in upstream's plots, and here in long runs.
const MAX_WINDOW_SECONDS: f64 = 30.0;

/// The minimum number of windows in a run: the second value if each window then has enough
/// operations, and otherwise the first.
const MIN_WINDOWS: (f64, f64) = (5.0, 20.0);
/// The maximum number of windows.
const MAX_WINDOWS: f64 = 2000.0;

/// The number of operations that is enough for a window.
const MIN_OPERATIONS_PER_WINDOW: f64 = 10.0;

/// The outcomes in drawing order, so that the rarer ones are on top.
pub(super) const OUTCOMES: [Kind; 3] = [Kind::Ok, Kind::Info, Kind::Fail];

/// An operation that ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// The outcome.
    pub outcome: Kind,
    /// The time of the invocation.
    pub invoked: Duration,
    /// The time of the completion.
    pub completed: Duration,
    /// The index of its invocation.
    pub operation: usize,
}

impl Timing {
    fn latency_ms(&self) -> f64 {
        self.completed.saturating_sub(self.invoked).as_secs_f64() * 1000.0
    }
}

/// The operations that ended, by function.
pub(super) struct Timings {
    /// The operations of each function.
    pub by_f: BTreeMap<String, Vec<Timing>>,
    /// The time of the last entry of the history.
    pub end: Duration,
}

impl Timings {
    /// Collects the timings of a history.
    pub fn of(history: &History) -> Timings {
        let mut by_f: BTreeMap<String, Vec<Timing>> = BTreeMap::new();
        for (invocation, completion) in history.pairs() {
            if let Some(completion) = completion {
                by_f.entry(invocation.f.to_string())
                    .or_default()
                    .push(Timing {
                        outcome: completion.kind,
                        invoked: invocation.time,
                        completed: completion.time,
                        operation: invocation.index,
                    });
            }
        }
        let end = history.iter().map(|op| op.time).max().unwrap_or_default();
        Timings { by_f, end }
    }

    fn scale(&self) -> Scale {
        Scale::log(self.by_f.values().flatten().map(Timing::latency_ms))
    }
}

/// Draws the latency of every operation at the time of its invocation.
pub(super) fn raw(timings: &Timings, faults: &[Interval]) -> String {
    let (end, scale) = (timings.end, timings.scale());
    let title = "Latency of each operation";
    let mut plot = Plot::over_time(title, "latency (ms)", end, scale, faults);
    for outcome in OUTCOMES {
        for (mark, (f, timings)) in timings.by_f.iter().enumerate() {
            let of_outcome = timings.iter().filter(|timing| timing.outcome == outcome);
            let of_outcome: Vec<&Timing> = of_outcome.collect();
            let points: Vec<(f64, f64)> = of_outcome
                .iter()
                .map(|timing| (timing.invoked.as_secs_f64(), timing.latency_ms()))
                .collect();
            if !points.is_empty() {
                plot.points(&Series {
                    name: format!("{f} {}", outcome.name()),
                    colour: outcome_colour(outcome),
                    mark,
                    points,
                    operations: of_outcome.iter().map(|timing| timing.operation).collect(),
                });
            }
        }
    }
    plot.finish()
}

/// Draws quantiles of the latency of the operations that began in each window.
pub(super) fn quantiles(timings: &Timings, faults: &[Interval]) -> String {
    let window = window_seconds(timings, MAX_WINDOW_SECONDS);
    let title = format!("Latency: quantiles over {window} s");
    let (end, scale) = (timings.end, timings.scale());
    let mut plot = Plot::over_time(&title, "latency (ms)", end, scale, faults);
    for (mark, (f, timings)) in timings.by_f.iter().enumerate() {
        let windows = windows(timings, window);
        for (share, colour) in QUANTILES {
            let points = windows
                .iter()
                .filter_map(|(middle, sorted)| Some((*middle, quantile(sorted, share)?)))
                .collect();
            let series = Series {
                name: format!("{f} {share}"),
                colour,
                mark,
                points,
                ..Series::default()
            };
            plot.course(&series, 1.5 * window);
        }
    }
    plot.finish()
}

/// Returns the middle of each window in which operations began, and their latencies, sorted.
fn windows(timings: &[Timing], window: f64) -> Vec<(f64, Vec<f64>)> {
    let mut windows: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for timing in timings {
        let number = (timing.invoked.as_secs_f64() / window) as u64;
        windows.entry(number).or_default().push(timing.latency_ms());
    }
    windows
        .into_iter()
        .map(|(number, mut latencies)| {
            latencies.sort_unstable_by(f64::total_cmp);
            ((number as f64 + 0.5) * window, latencies)
        })
        .collect()
}

/// Returns the length of windows in seconds: as upstream's, but shorter where a run would have only
/// a few of them, and longer where it would have thousands.
pub(super) fn window_seconds(timings: &Timings, seconds_max: f64) -> f64 {
    let operations: usize = timings.by_f.values().map(Vec::len).sum();
    window_length(timings.end.as_secs_f64(), operations, seconds_max)
}

fn window_length(seconds: f64, operations: usize, seconds_max: f64) -> f64 {
    let (few, many) = MIN_WINDOWS;
    let windows_min = (operations as f64 / MIN_OPERATIONS_PER_WINDOW).clamp(few, many);
    let lengths = [30.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1];
    let fits = |length: &f64| *length <= seconds_max && seconds / length >= windows_min;
    let length = lengths.into_iter().find(fits).unwrap_or(0.1);
    if seconds / length > MAX_WINDOWS {
        (seconds / MAX_WINDOWS).ceil()
    } else {
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_equal_upstreams_in_long_runs_and_are_shorter_in_short_ones() {
        for (seconds, operations, length) in [
            (100_000.0, 9999, 50.0),
            (3600.0, 9999, 30.0),
            (600.0, 9999, 30.0),
            (60.0, 6000, 2.0),
            (20.0, 2000, 1.0),
            (20.0, 20, 2.0),
            (3.0, 30, 0.5),
            (0.0, 0, 0.1),
        ] {
            let found = window_length(seconds, operations, MAX_WINDOW_SECONDS);
            assert_eq!(found, length, "{seconds} s, {operations} operations");
        }
        assert_eq!(window_length(3600.0, 9999, 10.0), 10.0);
    }
}
