//! Samples of several groups on one axis: cumulative distribution, histogram and box plot.

use std::time::Duration;

use super::faults::Interval;
use super::plot::{Axis, COLOURS, Plot, Scale, Series};
use crate::chart::{Chart, Group};
use crate::history::{History, Kind, quantile};

/// The number of bars of a histogram.
const BARS: usize = 48;

/// The number of points of a distribution curve.
const CURVE_POINTS: usize = 400;

/// The ratio of the greatest to the least sample above which an axis is logarithmic.
const LOGARITHMIC_RATIO: f64 = 50.0;

/// Draws the groups that have samples; `None` if there are no samples.
pub(super) fn draw(title: &str, unit: &str, groups: &[Group]) -> Option<String> {
    let groups: Vec<(&str, Vec<f64>)> = groups
        .iter()
        .filter(|group| !group.samples.is_empty())
        .map(|group| (group.name.as_str(), sorted(&group.samples)))
        .collect();
    if groups.is_empty() {
        return None;
    }
    let scale = scale(groups.iter().flat_map(|(_, samples)| samples).copied());
    let label = if unit.is_empty() { "value" } else { unit };
    let x = Axis { label, scale };
    let y = Axis {
        label: "% of the samples that are at most this",
        scale: Scale::linear(100.0),
    };
    let mut plot = Plot::of_values(title, x, y, 20.0 * groups.len() as f64 + 8.0);
    for (number, (name, samples)) in groups.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let series = |points| Series {
            name: format!("{name} ({})", samples.len()),
            colour,
            points,
            ..Series::default()
        };
        plot.area(&series(histogram(samples, scale)));
        plot.curve(&series(cumulative(samples)), true);
        let box_plot = [0.0, 0.25, 0.5, 0.75, 1.0]
            .map(|share| quantile(samples, share).expect("every group has samples"));
        plot.box_plot(colour, number, box_plot);
    }
    Some(plot.finish())
}

/// Returns the latencies of the operations that ended ok, separately for those during faults.
pub(super) fn latencies(history: &History, faults: &[Interval]) -> Chart {
    let mut groups = [Vec::new(), Vec::new()];
    for (invocation, completion) in history.pairs() {
        if let Some(completion) = completion.filter(|op| op.kind == Kind::Ok) {
            let (from, to) = (invocation.time, completion.time);
            let disturbed = faults
                .iter()
                .any(|fault| fault.from <= to && from <= fault.to);
            groups[usize::from(disturbed)].push(milliseconds(to.saturating_sub(from)));
        }
    }
    let [calm, disturbed] = groups;
    let group = |name: &str, samples| Group {
        name: name.to_owned(),
        samples,
    };
    Chart::Distribution {
        title: "Latency of the operations that ended ok".to_owned(),
        unit: "ms".to_owned(),
        groups: vec![
            group("without faults", calm),
            group("during faults", disturbed),
        ],
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut samples = samples.to_vec();
    samples.sort_unstable_by(f64::total_cmp);
    samples
}

/// Returns a logarithmic axis for samples that differ much, a linear one from 0 otherwise.
fn scale(samples: impl Iterator<Item = f64> + Clone) -> Scale {
    let greatest = samples.clone().fold(0.0, f64::max);
    let least = samples.clone().filter(|sample| *sample > 0.0);
    let least = least.fold(f64::INFINITY, f64::min);
    if greatest / least > LOGARITHMIC_RATIO {
        Scale::log(samples)
    } else {
        Scale::linear_above(greatest)
    }
}

/// Returns the share of samples up to each value, in percent.
fn cumulative(sorted: &[f64]) -> Vec<(f64, f64)> {
    let count = sorted.len();
    let step = count.div_ceil(CURVE_POINTS).max(1);
    let ranks = (0..count).step_by(step).chain([count - 1]);
    let share = |rank: usize| 100.0 * (rank + 1) as f64 / count as f64;
    let first = (sorted[0], 0.0);
    [first]
        .into_iter()
        .chain(ranks.map(|rank| (sorted[rank], share(rank))))
        .collect()
}

/// Returns the share of samples in each of [`BARS`] equal parts of the axis, scaled so that the
/// highest bar takes half of the plot.
fn histogram(sorted: &[f64], scale: Scale) -> Vec<(f64, f64)> {
    let mut counts = [0usize; BARS];
    for &sample in sorted {
        let bar = (scale.place(sample) * BARS as f64) as usize;
        counts[bar.min(BARS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    let mut points: Vec<(f64, f64)> = counts
        .iter()
        .enumerate()
        .map(|(bar, &count)| {
            let left = scale.value(bar as f64 / BARS as f64);
            (left, 50.0 * count as f64 / most)
        })
        .collect();
    points.push((scale.value(1.0), 0.0));
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::history;
    use crate::report::faults::intervals;

    #[test]
    fn operations_during_a_fault_are_a_group_of_their_own() {
        let history = history(
            "0 invoke read nil :time 0
             0 ok read 1 :time 2000000
             nemesis info kill {\"n1\" :killed} :time 3000000
             1 invoke read nil :time 4000000
             nemesis info start {\"n1\" :started} :time 5000000
             1 ok read 1 :time 9000000
             1 invoke read nil :time 9500000
             1 fail read nil :time 9600000",
        );
        let Chart::Distribution { groups, .. } = latencies(&history, &intervals(&history)) else {
            panic!("the chart is a distribution");
        };
        assert_eq!(groups[0].samples, [2.0]);
        assert_eq!(groups[1].samples, [5.0]);
    }

    #[test]
    fn distribution_ends_at_a_hundred_percent() {
        assert_eq!(
            cumulative(&[1.0, 2.0, 4.0, 8.0]),
            [
                (1.0, 0.0),
                (1.0, 25.0),
                (2.0, 50.0),
                (4.0, 75.0),
                (8.0, 100.0),
                (8.0, 100.0)
            ]
        );
        let many: Vec<f64> = (0..10_000).map(f64::from).collect();
        let curve = cumulative(&many);
        assert!(curve.len() <= CURVE_POINTS + 3);
        assert_eq!(curve.last(), Some(&(9999.0, 100.0)));
        assert_eq!(draw("", "ms", &[]), None);
    }
}
