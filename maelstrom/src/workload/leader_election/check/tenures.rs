//! Tenures: when each certainly lasted, and when two of them overlapped.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Reply;
use crate::edn::Value;
use crate::history::{History, Kind};

/// One node's leadership in one term.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenure {
    /// The node.
    pub leader: String,
    /// The term.
    pub term: Value,
    /// The completion of its first claim, since the run's origin. The tenure has certainly begun.
    pub from: Duration,
    /// The invocation of its last claim: the tenure had certainly not ended. Before `from` if there
    /// is only one claim; then the tenure certainly lasted for no time at all.
    pub to: Duration,
    /// The index of the completion of its first claim.
    pub first_claim: usize,
    /// The index of the completion of its last claim.
    pub last_claim: usize,
}

/// The tenures that were claimed, in the order of their first claims.
pub(super) fn of(replies: &[Reply<'_>]) -> Vec<Tenure> {
    let mut tenures: BTreeMap<(&str, &Value), Tenure> = BTreeMap::new();
    for claim in replies.iter().filter(|reply| reply.is_claim()) {
        let (begun, completed) = (claim.invocation, claim.completion);
        let tenure = tenures
            .entry((claim.leader, claim.term))
            .or_insert_with(|| Tenure {
                leader: claim.leader.to_owned(),
                term: claim.term.clone(),
                from: completed.time,
                to: begun.time,
                first_claim: completed.index,
                last_claim: completed.index,
            });
        if completed.index < tenure.first_claim {
            (tenure.from, tenure.first_claim) = (completed.time, completed.index);
        }
        if begun.time > tenure.to {
            (tenure.to, tenure.last_claim) = (begun.time, completed.index);
        }
    }
    let mut tenures: Vec<Tenure> = tenures.into_values().collect();
    tenures.sort_by_key(|tenure| tenure.first_claim);
    tenures
}

/// The time in which both nodes certainly led, if they are two and there is such a time.
pub(super) fn overlap(a: &Tenure, b: &Tenure) -> Option<(Duration, Duration)> {
    let (from, to) = (a.from.max(b.from), a.to.min(b.to));
    (a.leader != b.leader && from < to).then_some((from, to))
}

/// The total length of the times in which at least two nodes certainly led.
pub(super) fn time_with_two_leaders(tenures: &[Tenure]) -> Duration {
    let mut both = Vec::new();
    for (i, a) in tenures.iter().enumerate() {
        both.extend(tenures[i + 1..].iter().filter_map(|b| overlap(a, b)));
    }
    length(both)
}

/// The time between the first and the last question of the main phase in which no node certainly
/// led.
pub(super) fn time_without_leader(tenures: &[Tenure], history: &History) -> Duration {
    let questions = history
        .clients()
        .filter(|op| op.kind == Kind::Invoke && !op.is_final());
    let mut questions = questions.map(|op| op.time);
    let Some(begin) = questions.next() else {
        return Duration::ZERO;
    };
    let end = questions.next_back().unwrap_or(begin);
    let led = tenures
        .iter()
        .map(|tenure| (tenure.from.clamp(begin, end), tenure.to.clamp(begin, end)));
    (end - begin).saturating_sub(length(led.collect()))
}

/// The total length of intervals, which may overlap.
fn length(mut intervals: Vec<(Duration, Duration)>) -> Duration {
    intervals.sort_unstable();
    let (mut total, mut covered) = (Duration::ZERO, Duration::ZERO);
    for (from, to) in intervals {
        total += to.saturating_sub(from.max(covered));
        covered = covered.max(to);
    }
    total
}
