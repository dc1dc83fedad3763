//! How long the cluster takes to find another leader.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Reply;
use crate::edn::Value;
use crate::history::{History, Operation};
use crate::workload::Settings;

/// For each leader that a fault hit, the time from the fault to the first claim of another tenure;
/// sorted. Claims in the final phase do not count. A failover counts once, from the first of several faults. A leader that claims to lead
/// again after the fault has ended, before another does, has survived it.
pub(super) fn times(
    history: &History,
    replies: &[Reply<'_>],
    settings: &Settings,
) -> Vec<Duration> {
    // Between the last questions and the final ones is a pause, which is no time of a failover.
    let claims = replies.iter().filter(|reply| reply.is_claim());
    let mut claims: Vec<&Reply<'_>> = claims
        .filter(|claim| !claim.invocation.is_final())
        .collect();
    claims.sort_by_key(|claim| claim.completion.index);
    let faults: Vec<&Operation> = history.iter().filter(|op| !op.is_client()).collect();
    let mut failovers: BTreeMap<usize, Duration> = BTreeMap::new();
    for (at, fault) in faults.iter().enumerate() {
        let hit = nodes_hit(fault, settings.nodes.len());
        let (earlier, later) =
            claims.split_at(claims.partition_point(|claim| claim.completion.index < fault.index));
        let Some(leader) = earlier.last().filter(|claim| hit.contains(claim.leader)) else {
            continue;
        };
        let is_same =
            |claim: &&Reply<'_>| (claim.leader, claim.term) == (leader.leader, leader.term);
        let Some(next) = later.iter().position(|claim| !is_same(claim)) else {
            continue;
        };
        let mut ends = faults[at + 1..]
            .iter()
            .filter(|op| ends_with(&fault.f) == op.f);
        let end = ends.next().map_or(usize::MAX, |end| end.index);
        let has_survived = later[..next]
            .iter()
            .any(|claim| claim.invocation.index > end);
        if !has_survived {
            let next = later[next].completion;
            let time = next.time.saturating_sub(fault.time);
            failovers.entry(next.index).or_insert(time);
        }
    }
    let mut times: Vec<Duration> = failovers.into_values().collect();
    times.sort_unstable();
    times
}

/// The operation that ends a fault.
fn ends_with(fault: &str) -> &'static str {
    match fault {
        "kill" => "start",
        "pause" => "resume",
        _ => "stop-partition",
    }
}

/// The nodes that a fault stops, or cuts off from a majority of the `count` nodes.
fn nodes_hit(fault: &Operation, count: usize) -> BTreeSet<&str> {
    let isolated =
        |deaf_to: &Value| matches!(deaf_to, Value::Set(nodes) if 2 * nodes.len() >= count);
    match (&*fault.f, &fault.value) {
        ("kill" | "pause", Value::Map(states)) => states.keys().filter_map(Value::as_str).collect(),
        ("start-partition", Value::Vector(parts)) => {
            let blocked = parts.iter().filter_map(Value::as_map).flatten();
            let blocked = blocked.filter(|(_, deaf_to)| isolated(deaf_to));
            blocked.filter_map(|(node, _)| node.as_str()).collect()
        }
        _ => BTreeSet::new(),
    }
}
