//! The checker of the kafka workload: do logs keep what they acknowledged, in one order, and do
//! their readers see all of it?
//!
//! The one idea is the *version order*. Every send that took effect and every poll tells which
//! message is at which offset; together they give each key's log, and then each operation is held
//! against it. A message at two offsets, or two at one, is a fault of the log itself. A message
//! that readers passed without seeing it is lost. A process that goes back, or past messages, breaks
//! the promise of a log to its readers. A message that was polled before it was sent, or although
//! its send failed, breaks causality. Finally, what was acknowledged must be polled by the end.
//!
//! Types of errors, their counts, and the verdict are those of Jepsen's `jepsen.tests.kafka`, which
//! upstream uses; so is the treatment of what cannot be known. Unlike there, offsets may be as sparse
//! as they like: nothing here takes time or memory in proportion to them.

mod anomaly;
mod charts;
mod cycle;
mod delivery;
mod explain;
mod iteration;
mod lag;
mod order;
mod progress;
mod reading;
mod report;
mod transcript;
mod undecided;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use self::anomaly::Findings;
use self::delivery::Unseen;
use self::explain::Words;
use self::lag::Lags;
use self::report::Report;
use self::transcript::Transcript;
use self::undecided::Undecided;
use super::{Analysis, Verdict};
use crate::chart::Chart;
use crate::edn::Value;
use crate::history::{History, Kind};

pub use anomaly::ErrorType;
pub use lag::RealtimeLag;

/// What the checker found in a history.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogAnalysis {
    verdict: Verdict,
    errors: BTreeMap<ErrorType, usize>,
    lags: Lags,
    results: Value,
    explanation: Option<String>,
}

impl LogAnalysis {
    /// How many errors of each type there are. Of [`ErrorType::Unseen`] it is the number of unseen
    /// messages. Empty if the verdict is unknown.
    pub fn errors(&self) -> &BTreeMap<ErrorType, usize> {
        &self.errors
    }

    /// The poll that was furthest behind in time; `None` if no process ever polled a key.
    pub fn worst_lag(&self) -> Option<&RealtimeLag> {
        self.lags.worst.as_ref()
    }

    /// By how much any poll was behind, at the most; zero if there was none.
    pub fn worst_realtime_lag(&self) -> Duration {
        self.worst_lag().map_or(Duration::ZERO, |worst| worst.lag)
    }
}

impl Analysis for LogAnalysis {
    fn verdict(&self) -> Verdict {
        self.verdict
    }

    fn to_edn(&self) -> Value {
        self.results.clone()
    }

    fn explanation(&self) -> Option<String> {
        self.explanation.clone()
    }

    fn charts(&self, history: &History) -> Vec<Chart> {
        charts::draw(history, &self.lags)
    }
}

/// Checks a history of `send`, `poll`, `assign` and `crash`.
///
/// The verdict is unknown, as upstream's is, if a poll returned a message that was never sent, or if a poll
/// listed without messages a key that is never read with any.
pub fn check(history: &History) -> LogAnalysis {
    judge(history).unwrap_or_else(|undecided| LogAnalysis {
        verdict: Verdict::Unknown,
        errors: BTreeMap::new(),
        lags: Lags::default(),
        results: Value::map([
            ("valid?", Verdict::Unknown.to_edn()),
            ("error", undecided.to_edn()),
        ]),
        explanation: Some(undecided.explain()),
    })
}

fn judge(history: &History) -> Result<LogAnalysis, Undecided> {
    let transcript = &Transcript::read(history)?;
    delivery::require_writers(transcript)?;
    let orders = &order::version_orders(transcript)?;

    let mut findings = Findings::default();
    order::find_conflicts(orders, &mut findings);
    delivery::find_dirty_reads(transcript, &mut findings);
    delivery::find_lost_writes(transcript, orders, &mut findings)?;
    progress::find_jumps(transcript, orders, &mut findings);
    cycle::find_cycles(transcript, &mut findings);
    let unseen = delivery::unseen(transcript);
    let lags = lag::measure(transcript);

    let errors = count(&findings, unseen.as_ref());
    let invalid = errors.keys().any(|error| error.invalidates());
    let verdict = Verdict::from_valid(!invalid);
    let report = Report { transcript, orders };
    let mut results = vec![
        ("valid?", verdict.to_edn()),
        ("worst-realtime-lag", lag::to_edn(lags.worst.as_ref())),
        ("bad-error-types", names(&errors, ErrorType::invalidates)),
        ("error-types", names(&errors, |_| true)),
        ("info-txn-causes", info_causes(history)),
    ];
    results.extend(report.entries(&findings));
    if let Some(unseen) = &unseen {
        results.push((ErrorType::Unseen.name(), report.unseen(unseen)));
    }
    let words = Words { transcript, orders };
    Ok(LogAnalysis {
        verdict,
        explanation: invalid.then(|| words.explain(&findings, unseen.as_ref())),
        errors,
        lags,
        results: Value::map(results),
    })
}

fn count(findings: &Findings, unseen: Option<&Unseen>) -> BTreeMap<ErrorType, usize> {
    let found = findings.0.iter();
    let mut counts: BTreeMap<ErrorType, usize> =
        found.map(|(error, found)| (*error, found.len())).collect();
    if let Some(unseen) = unseen {
        counts.insert(ErrorType::Unseen, unseen.count());
    }
    counts
}

fn names(errors: &BTreeMap<ErrorType, usize>, which: impl Fn(ErrorType) -> bool) -> Value {
    let errors = errors.keys().filter(|error| which(**error));
    Value::list(errors.map(|error| Value::keyword(error.name())))
}

/// Why sends and polls ended without a known outcome: every error once, in order.
fn info_causes(history: &History) -> Value {
    let mut known = BTreeSet::new();
    let causes = history
        .iter()
        .filter(|op| op.kind == Kind::Info && reading::is_transactional(&op.f))
        .map(|op| op.error.as_deref().cloned().unwrap_or_default())
        .filter(|cause| known.insert(cause.clone()));
    Value::list(causes.collect::<Vec<Value>>())
}
