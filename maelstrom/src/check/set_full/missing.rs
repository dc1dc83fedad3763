//! Which nodes lack what: the end of the reads, node by node.

use std::collections::{BTreeMap, BTreeSet};

use super::NodeOf;
use super::elements::Element;
use crate::edn::Value;
use crate::history::{History, Kind, Operation};

/// At most this many values of a group are listed.
const LISTED: usize = 10;

/// The last read of each node, or of each process where nodes are not known, by name.
fn last_reads<'h>(history: &'h History, node_of: &NodeOf<'_>) -> BTreeMap<String, &'h Operation> {
    let reads = history
        .clients()
        .filter(|op| op.kind == Kind::Ok && op.f == "read");
    let named = reads.map(|read| {
        let process = || format!("process {}", read.process);
        (node_of(read.process).unwrap_or_else(process), read)
    });
    // Later reads replace earlier ones.
    named.collect()
}

/// Where lost elements are missing, in sentences: elements that the same nodes lack are one group.
pub(super) fn describe(history: &History, lost: &[&Element], node_of: &NodeOf<'_>) -> Vec<String> {
    let reads = last_reads(history, node_of);
    let shown: BTreeMap<&String, BTreeSet<&Value>> = reads
        .iter()
        .map(|(name, read)| {
            (
                name,
                read.value.as_seq().unwrap_or_default().iter().collect(),
            )
        })
        .collect();
    let mut groups: BTreeMap<Vec<&str>, Vec<&Value>> = BTreeMap::new();
    for element in lost {
        let lacking = shown
            .iter()
            .filter(|(_, shown)| !shown.contains(element.value));
        let mut lacking: Vec<&str> = lacking.map(|(name, _)| name.as_str()).collect();
        // n9 before n10.
        lacking.sort_by_key(|name| (name.len(), *name));
        groups.entry(lacking).or_default().push(element.value);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, values)| std::cmp::Reverse(values.len()));
    let all = lost.len();
    let groups = groups.into_iter().map(|(names, values)| {
        let count = values.len();
        let what = match (count, count == all) {
            (1, _) => "1 value is missing".to_owned(),
            (_, true) => format!("{count} values are missing, all of them"),
            (_, false) => format!("{count} values are missing"),
        };
        let place = match names.len() {
            0 => "from reads before the last ones".to_owned(),
            n if n == shown.len() && n > 1 => "everywhere".to_owned(),
            _ => format!("on {} only", names.join(", ")),
        };
        format!("{what} {place}: {}", listed(&values))
    });
    groups.collect()
}

/// Values that the last reads show although they were never added, in a sentence.
pub(super) fn foreign(
    history: &History,
    elements: &[Element],
    node_of: &NodeOf<'_>,
) -> Option<String> {
    let added: BTreeSet<&Value> = elements.iter().map(|element| element.value).collect();
    let reads = last_reads(history, node_of);
    let shown = reads
        .values()
        .flat_map(|read| read.value.as_seq().unwrap_or_default());
    let foreign: BTreeSet<&Value> = shown.filter(|value| !added.contains(value)).collect();
    let foreign: Vec<&Value> = foreign.into_iter().collect();
    (!foreign.is_empty()).then(|| {
        format!(
            "reads show values that were never added: {} (a value keeps its type: 0, 0.0 and \"0\" are \
             three values)",
            listed(&foreign)
        )
    })
}

fn listed(values: &[&Value]) -> String {
    let mut shown: Vec<String> = values
        .iter()
        .take(LISTED)
        .map(ToString::to_string)
        .collect();
    if values.len() > LISTED {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}
