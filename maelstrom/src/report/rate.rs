//! A plot of completions per second, by function and outcome.

use std::time::Duration;

use super::faults::Interval;
use super::latency::{OUTCOMES, Timing, Timings, window_seconds};
use super::plot::{Plot, Scale, Series};
use super::style::outcome_colour;
use crate::history::Kind;

/// The window of rates in upstream's plots, and here in long runs.
const MAX_WINDOW_SECONDS: f64 = 10.0;

/// Draws the completions per second in each window.
pub(super) fn rate(timings: &Timings, faults: &[Interval]) -> String {
    let window = window_seconds(timings, MAX_WINDOW_SECONDS);
    let mut all = Vec::new();
    for outcome in OUTCOMES {
        for (mark, (f, of_f)) in timings.by_f.iter().enumerate() {
            if of_f.iter().any(|timing| timing.outcome == outcome) {
                all.push(Series {
                    name: format!("{f} {}", outcome.name()),
                    colour: outcome_colour(outcome),
                    mark,
                    points: rates(of_f, outcome, window, timings.end),
                    ..Series::default()
                });
            }
        }
    }
    let points = all.iter().flat_map(|series| &series.points);
    let greatest = points.map(|(_, rate)| *rate).fold(0.0, f64::max);
    let title = format!("Completions, over {window} s");
    let scale = Scale::linear_above(greatest);
    let label = "operations per second";
    let mut plot = Plot::over_time(&title, label, timings.end, scale, faults);
    for series in &all {
        plot.counts(series);
    }
    plot.finish()
}

/// Returns the middle of each window and the completions per second in it, including windows
/// without any.
fn rates(timings: &[Timing], outcome: Kind, window: f64, end: Duration) -> Vec<(f64, f64)> {
    let mut counts = vec![0u64; (end.as_secs_f64() / window) as usize + 1];
    for timing in timings.iter().filter(|timing| timing.outcome == outcome) {
        let number = (timing.completed.as_secs_f64() / window) as usize;
        counts[number] += 1;
    }
    let middle = |number: usize| ((number as f64 + 0.5) * window).min(end.as_secs_f64());
    let counts = counts.into_iter().enumerate();
    counts
        .map(|(number, count)| (middle(number), count as f64 / window))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::history;

    #[test]
    fn every_completion_counts_in_the_window_of_its_end() {
        let history = history(
            "0 invoke read nil :time 0
             0 ok read 1 :time 2500000000
             1 invoke read nil :time 2600000000
             1 ok read 1 :time 2700000000
             1 invoke read nil :time 2800000000
             1 fail read nil :time 2900000000",
        );
        let timings = Timings::of(&history);
        let rates = rates(&timings.by_f["read"], Kind::Ok, 1.0, timings.end);
        assert_eq!(rates, [(0.5, 0.0), (1.5, 0.0), (2.5, 2.0)]);
    }
}
