//! The injected faults: the intervals of a run between a fault and its repair.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::svg::shortened;
use crate::edn::{self, Value};
use crate::history::{History, Operation, Process};

/// The maximum length of a fault's details in the hover text of an interval, in characters.
const MAX_DETAILS_CHARS: usize = 500;

/// The maximum length of the place of a fault, in characters.
const MAX_PLACE_CHARS: usize = 120;

/// A kind of fault, by the functions with which the nemesis records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Family {
    /// The name in legends.
    pub name: Cow<'static, str>,
    /// The colour of its intervals.
    pub colour: &'static str,
    start: Cow<'static, str>,
    stop: Cow<'static, str>,
}

/// The colour of faults that are not Eddy's own.
const OTHER_COLOUR: &str = "#D2D2D2";

static FAMILIES: [Family; 9] = [
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
    family("slow nodes", "#CFDDA8", "slow", "recover-speed"),
];

const fn family(
    name: &'static str,
    colour: &'static str,
    start: &'static str,
    stop: &'static str,
) -> Family {
    Family {
        name: Cow::Borrowed(name),
        colour,
        start: Cow::Borrowed(start),
        stop: Cow::Borrowed(stop),
    }
}

/// Returns the kind of a user's own fault, which is recorded as `start-<name>` and `stop-<name>`.
fn family_of_user(function: &str) -> Option<Family> {
    let name = function.strip_prefix("start-")?;
    Some(Family {
        name: name.replace('-', " ").into(),
        colour: OTHER_COLOUR,
        start: function.to_owned().into(),
        stop: format!("stop-{name}").into(),
    })
}

/// An interval during which a fault was in force.
#[derive(Clone, Debug)]
pub(super) struct Interval {
    /// The kind of fault.
    pub family: Family,
    /// The time at which it began.
    pub from: Duration,
    /// The time at which it was repaired, or the end of the history.
    pub to: Duration,
    /// The record of what it did.
    pub details: String,
    /// The nodes that it affected directly; empty if it affected the whole network.
    pub nodes: Vec<String>,
    /// The place in a few words: `n1, n3` or `n0, n1 | n2`.
    pub place: String,
}

/// Returns the intervals of a history, by kind of fault, in order of time.
pub(super) fn intervals(history: &History) -> Vec<Interval> {
    let end = history.iter().map(|op| op.time).max().unwrap_or_default();
    let entries: Vec<&Operation> = history
        .iter()
        .filter(|op| op.process == Process::Nemesis)
        .collect();
    let mut families = FAMILIES.to_vec();
    for function in entries.iter().map(|entry| &*entry.f) {
        if families.iter().all(|family| family.start != function) {
            families.extend(family_of_user(function));
        }
    }
    let of_family = |family: &Family| of_family(family, &entries, end);
    families.iter().flat_map(of_family).collect()
}

/// Returns the intervals of one kind of fault. Every action of the nemesis is recorded twice, as
/// the request and as the result. Faults of one kind that overlap are one interval, until the last
/// one is repaired. A repair without a fault is ignored.
fn of_family(family: &Family, entries: &[&Operation], end: Duration) -> Vec<Interval> {
    let mut intervals: Vec<Interval> = Vec::new();
    // Records of faults less those of repairs.
    let mut open = 0_usize;
    for entry in entries {
        if entry.f == family.start {
            if open == 0 {
                intervals.push(Interval {
                    family: family.clone(),
                    from: entry.time,
                    to: end,
                    details: String::new(),
                    nodes: Vec::new(),
                    place: String::new(),
                });
            }
            open += 1;
            if let Some(interval) = intervals.last_mut() {
                interval.details = shortened(&entry.value.to_string(), MAX_DETAILS_CHARS);
                (interval.nodes, interval.place) = place(&entry.value);
            }
        } else if entry.f == family.stop && open > 0 {
            open -= 1;
            if let (0, Some(interval)) = (open, intervals.last_mut()) {
                interval.to = entry.time;
            }
        }
    }
    intervals
}

/// Returns the nodes that a fault's record names, and the place of the fault. A record is a map
/// from nodes to what was done to them, or from nodes to those from which they no longer receive
/// messages.
fn place(record: &Value) -> (Vec<String>, String) {
    let isolated = record.as_seq().and_then(<[Value]>::last);
    if let Some(blocked) = isolated.and_then(Value::as_map) {
        return halves(blocked);
    }
    let names = record.as_map().into_iter().flatten();
    let mut nodes: Vec<String> = names
        .filter_map(|(name, _)| Some(name.as_str()?.to_owned()))
        .collect();
    nodes.sort_by_key(|name| (name.len(), name.clone()));
    let place = shortened(&nodes.join(", "), MAX_PLACE_CHARS);
    (nodes, place)
}

/// Returns the nodes that do not receive messages from all others, and the groups of those that are
/// cut off from the same nodes: two groups cut off from each other are `n0, n1 | n2`.
fn halves(blocked: &edn::Map) -> (Vec<String>, String) {
    let mut groups: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    for (receiver, senders) in blocked {
        let key = names(senders);
        if let (Some(receiver), false) = (receiver.as_str(), key.is_empty()) {
            groups.entry(key).or_default().push(receiver.to_owned());
        }
    }
    let mut nodes: Vec<String> = groups.values().flatten().cloned().collect();
    nodes.sort_by_key(|name| (name.len(), name.clone()));
    let groups: Vec<(Vec<String>, Vec<String>)> = groups
        .into_iter()
        .map(|(senders, mut receivers)| {
            receivers.sort_by_key(|name| (name.len(), name.clone()));
            (senders, receivers)
        })
        .collect();
    let text = match &groups[..] {
        [(a, b), (c, d)] if a == d && b == c => {
            let (few, many) = if b.len() <= d.len() { (b, d) } else { (d, b) };
            format!("{} | {}", few.join(", "), many.join(", "))
        }
        groups => groups
            .iter()
            .map(|(senders, receivers)| {
                format!("{} without {}", receivers.join(", "), senders.join(", "))
            })
            .collect::<Vec<_>>()
            .join("; "),
    };
    (nodes, shortened(&text, MAX_PLACE_CHARS))
}

fn names(set: &Value) -> Vec<String> {
    let members: Vec<&Value> = match set {
        Value::Set(members) => members.iter().collect(),
        other => other.as_seq().unwrap_or_default().iter().collect(),
    };
    let mut names: Vec<String> = members
        .into_iter()
        .filter_map(|name| Some(name.as_str()?.to_owned()))
        .collect();
    names.sort_by_key(|name| (name.len(), name.clone()));
    names
}

/// Returns the kinds of faults that occur, in the order of legends.
pub(super) fn families(intervals: &[Interval]) -> Vec<Family> {
    let mut families: Vec<Family> = intervals
        .iter()
        .map(|interval| interval.family.clone())
        .collect();
    families.dedup();
    families
}

/// Returns for each interval the fractions of the height at which its strip begins and ends. Every
/// kind of fault has its own strip, so that none hides another.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{history, value};

    #[test]
    fn place_of_a_partition_names_its_sides() {
        let record =
            value("[:isolated {\"n0\" #{\"n2\"}, \"n1\" #{\"n2\"}, \"n2\" #{\"n1\" \"n0\"}}]");
        let (nodes, text) = place(&record);
        assert_eq!((nodes.len(), &*text), (3, "n2 | n0, n1"));
        assert_eq!(place(&value(":majority")), (Vec::new(), String::new()));
    }

    #[test]
    fn fault_lasts_from_the_request_to_the_repair() {
        let history = history(
            "nemesis info start-partition :one
             nemesis info start-partition [:isolated {\"n1\" #{\"n2\"}}]
             nemesis info kill :one
             nemesis info kill {\"n1\" :killed}
             nemesis info stop-partition nil
             nemesis info stop-partition :network-healed
             nemesis info stop-partition nil
             nemesis info start-partition :majority
             nemesis info start-disk-full nil
             nemesis info stop-disk-full nil
             0 invoke read nil",
        );
        let found: Vec<_> = intervals(&history)
            .iter()
            .map(|i| format!("{} {:?} {:?}", i.family.name, i.from, i.to))
            .collect();
        assert_eq!(
            found,
            [
                "partition 0ns 50ms",
                "partition 70ms 100ms",
                "kill 20ms 100ms",
                "disk full 80ms 90ms",
            ]
        );
        let intervals = intervals(&history);
        assert!(intervals[0].details.contains(":isolated"));
        assert_eq!(intervals[0].place, "n1 without n2");
        assert_eq!(
            (&*intervals[2].place, &intervals[2].nodes[..]),
            ("n1", &["n1".to_owned()][..])
        );
        let place = |(_, from, to): (&Interval, f64, f64)| (from, to);
        let found: Vec<_> = strips(&intervals).map(place).collect();
        let third = |n: usize| n as f64 / 3.0;
        let expected = [(0, 1), (0, 1), (1, 2), (2, 3)];
        assert_eq!(found, expected.map(|(from, to)| (third(from), third(to))));
    }
}
