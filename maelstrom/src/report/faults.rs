//! When something was wrong on purpose: the stretches of a run between a fault and its repair.

use std::time::Duration;

use super::svg::shortened;
use crate::history::{History, Operation, Process};

/// What an interval's hover text shows of a fault's details, in characters.
const DETAILS_MAX: usize = 500;

/// A kind of fault, by the functions under which the nemesis notes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Family {
    /// What legends call it.
    pub name: &'static str,
    /// The colour of its intervals.
    pub colour: &'static str,
    start: &'static str,
    stop: &'static str,
}

const FAMILIES: [Family; 8] = [
    family("partition", "#E9DCA0", "start-partition", "stop-partition"),
    family("kill", "#E9A4A0", "kill", "start"),
    family("pause", "#A0B1E9", "pause", "resume"),
    family("loss", "#D9C2E9", "start-loss", "stop-loss"),
    family(
        "duplication",
        "#C2E9D5",
        "start-duplication",
        "stop-duplication",
    ),
    family("delays", "#E9CDA8", "start-delays", "stop-delays"),
    family(
        "latency spike",
        "#DCD6CC",
        "start-latency-spike",
        "stop-latency-spike",
    ),
    family("clock skew", "#B8E0E9", "bump-clock", "reset-clock"),
];

const fn family(
    name: &'static str,
    colour: &'static str,
    start: &'static str,
    stop: &'static str,
) -> Family {
    Family {
        name,
        colour,
        start,
        stop,
    }
}

/// A stretch during which a fault was in force.
#[derive(Clone, Debug)]
pub(super) struct Interval {
    /// The kind of fault.
    pub family: Family,
    /// When it struck.
    pub from: Duration,
    /// When it was made good; the end of the history, if it never was.
    pub to: Duration,
    /// What exactly it did.
    pub details: String,
}

/// The intervals of a history, by kind of fault, in order of time.
pub(super) fn intervals(history: &History) -> Vec<Interval> {
    let end = history.iter().map(|op| op.time).max().unwrap_or_default();
    let entries: Vec<&Operation> = history
        .iter()
        .filter(|op| op.process == Process::Nemesis)
        .collect();
    let of_family = |family: &Family| of_family(*family, &entries, end);
    FAMILIES.iter().flat_map(of_family).collect()
}

/// Every record is noted twice: what was asked for, and what was done. A repair when nothing is wrong
/// counts for nothing.
fn of_family(family: Family, entries: &[&Operation], end: Duration) -> Vec<Interval> {
    let mut intervals = Vec::new();
    let mut open: Option<Interval> = None;
    let mut stops = 0;
    for entry in entries {
        if entry.f == family.start {
            if stops > 0 {
                intervals.extend(open.take());
                stops = 0;
            }
            let details = shortened(&entry.value.to_string(), DETAILS_MAX);
            match &mut open {
                Some(interval) => interval.details = details,
                None => {
                    open = Some(Interval {
                        family,
                        from: entry.time,
                        to: end,
                        details,
                    });
                }
            }
        } else if entry.f == family.stop
            && let Some(interval) = &mut open
            && stops < 2
        {
            interval.to = entry.time;
            stops += 1;
        }
    }
    intervals.extend(open);
    intervals
}

/// The kinds of faults that occur, in the order of legends.
pub(super) fn families(intervals: &[Interval]) -> Vec<Family> {
    let mut families: Vec<Family> = intervals.iter().map(|interval| interval.family).collect();
    families.dedup();
    families
}

/// For each interval the fractions of a picture at which its strip begins and ends: every kind of
/// fault has a strip of its own, so that none hides another.
pub(super) fn strips(intervals: &[Interval]) -> impl Iterator<Item = (&Interval, f64, f64)> {
    let families = families(intervals);
    intervals.iter().map(move |interval| {
        let is_its = |family: &Family| *family == interval.family;
        let place = families.iter().position(is_its);
        let place = place.expect("the families are those of the intervals") as f64;
        let count = families.len() as f64;
        (interval, place / count, (place + 1.0) / count)
    })
}

/// As [`strips`], across a page on which time runs downwards, in pixels: one kind of fault takes the
/// whole width; several share the margin, where they are not mistaken for faults of the columns.
pub(super) fn bands(
    intervals: &[Interval],
    width: f64,
    margin: f64,
) -> impl Iterator<Item = (&Interval, f64, f64)> {
    let several = families(intervals).len() > 1;
    let width = if several { margin } else { width };
    strips(intervals).map(move |(interval, from, to)| (interval, from * width, to * width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::history;

    #[test]
    fn a_fault_lasts_from_the_request_to_the_repair() {
        let history = history(
            "nemesis info start-partition :one
             nemesis info start-partition [:isolated {\"n1\" #{\"n2\"}}]
             nemesis info kill :one
             nemesis info kill {\"n1\" :killed}
             nemesis info stop-partition nil
             nemesis info stop-partition :network-healed
             nemesis info stop-partition nil
             nemesis info start-partition :majority
             0 invoke read nil",
        );
        let found: Vec<_> = intervals(&history)
            .iter()
            .map(|i| (i.family.name, i.from.as_millis(), i.to.as_millis()))
            .collect();
        assert_eq!(
            found,
            [
                ("partition", 0, 50),
                ("partition", 70, 80),
                ("kill", 20, 80)
            ]
        );
        let intervals = intervals(&history);
        assert!(intervals[0].details.contains(":isolated"));
        let place = |(_, from, to): (&Interval, f64, f64)| (from, to);
        let found: Vec<_> = strips(&intervals).map(place).collect();
        assert_eq!(found, [(0.0, 0.5), (0.0, 0.5), (0.5, 1.0)]);
        let found: Vec<_> = bands(&intervals[1..], 100.0, 10.0).map(place).collect();
        assert_eq!(found, [(0.0, 5.0), (5.0, 10.0)]);
        let found: Vec<_> = bands(&intervals[2..], 100.0, 10.0).map(place).collect();
        assert_eq!(found, [(0.0, 100.0)]);
    }
}
