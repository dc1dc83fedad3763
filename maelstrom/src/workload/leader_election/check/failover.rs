//! How long the cluster takes to find another leader.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Reply;
use crate::edn::Value;
use crate::history::{History, Operation};
use crate::workload::Settings;

/// For each time that a fault hit the leader, the time until another reign's next claim; sorted. A
/// fault that ends without another reign counts for nothing: the leader outlived it.
pub(super) fn times(
    history: &History,
    replies: &[Reply<'_>],
    settings: &Settings,
) -> Vec<Duration> {
    let mut claims: Vec<&Reply<'_>> = replies.iter().filter(|reply| reply.is_claim()).collect();
    claims.sort_by_key(|claim| claim.completion.index);
    let mut times = Vec::new();
    for fault in history.iter().filter(|op| !op.is_client()) {
        let hit = nodes_hit(fault, settings.nodes.len());
        let later = claims.partition_point(|claim| claim.completion.index < fault.index);
        let Some(leader) = claims[..later]
            .last()
            .filter(|claim| hit.contains(claim.leader))
        else {
            continue;
        };
        let reign = (leader.leader, leader.term);
        let next = claims[later..]
            .iter()
            .find(|claim| (claim.leader, claim.term) != reign);
        times.extend(next.map(|claim| claim.completion.time.saturating_sub(fault.time)));
    }
    times.sort_unstable();
    times
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
