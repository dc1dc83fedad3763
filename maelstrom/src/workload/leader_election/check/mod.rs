//! The checker of leader election.
//!
//! Replies are all that is known, so the checker concludes only what is certain. A tenure certainly
//! lasted from the completion of its first claim to the invocation of its last: at both moments the
//! node had named itself. Two tenures of different nodes that certainly overlap are split brain.

mod failover;
mod findings;
mod tenures;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::chart::{Chart, Span};
use crate::check::findings::{Findings, to_edn};
use crate::check::{Analysis, Figure, Finding, Verdict};
use crate::edn::Value;
use crate::history::{History, Kind, Operation};
use crate::workload::Settings;

pub use tenures::Tenure;

/// A reply to the question who leads.
#[derive(Clone, Debug)]
struct Reply<'a> {
    node: &'a str,
    leader: &'a str,
    term: &'a Value,
    invocation: &'a Operation,
    completion: &'a Operation,
}

impl Reply<'_> {
    /// Whether the node names itself.
    fn is_claim(&self) -> bool {
        self.node == self.leader
    }
}

/// What came of an election.
#[derive(Clone, Debug)]
pub struct LeaderElectionAnalysis {
    verdict: Verdict,
    findings: Vec<Finding>,
    tenures: Vec<Tenure>,
    split_brain: Duration,
    leaderless: Duration,
    failovers: Vec<Duration>,
}

/// Judges a history of questions who leads.
pub(super) fn check(history: &History, settings: &Settings) -> LeaderElectionAnalysis {
    let replies: Vec<Reply<'_>> = history.pairs().filter_map(reply).collect();
    let tenures = tenures::of(&replies);
    let split_brain = tenures::time_with_two_leaders(&tenures);
    let allows_split_brain: bool = settings.options.get("allow-split-brain");
    let mut found = Findings::default();
    found.add_malformed_replies(history);
    findings::two_leaders_in_a_term(&mut found, &replies);
    if !allows_split_brain {
        findings::split_brain(&mut found, &tenures, history);
    }
    findings::terms_that_went_back(&mut found, &replies);
    findings::disagreement(&mut found, history, &replies);
    let findings = found.into_vec();
    let verdict = match (findings.is_empty(), replies.is_empty()) {
        (false, _) => Verdict::Invalid,
        (true, true) => Verdict::Unknown,
        (true, false) => Verdict::Valid,
    };
    LeaderElectionAnalysis {
        verdict,
        findings,
        split_brain,
        leaderless: tenures::time_without_leader(&tenures, history),
        failovers: failover::times(history, &replies, settings),
        tenures,
    }
}

fn reply<'a>(
    (invocation, completion): (&'a Operation, Option<&'a Operation>),
) -> Option<Reply<'a>> {
    let completion = completion.filter(|completion| completion.kind == Kind::Ok)?;
    let field = |name| completion.value.get(name);
    Some(Reply {
        node: field("node")?.as_str()?,
        leader: field("leader")?.as_str()?,
        term: field("term")?,
        invocation,
        completion,
    })
}

impl LeaderElectionAnalysis {
    /// The tenures in the order of their first claims.
    pub fn tenures(&self) -> &[Tenure] {
        &self.tenures
    }

    /// The time in which two nodes certainly led.
    pub fn split_brain(&self) -> Duration {
        self.split_brain
    }

    /// The time between the first question and the last of the main phase in which no node
    /// certainly led.
    pub fn leaderless(&self) -> Duration {
        self.leaderless
    }

    /// For each leader that was killed, paused or cut off from a majority, the time until another
    /// tenure's first claim; sorted.
    pub fn failovers(&self) -> &[Duration] {
        &self.failovers
    }

    fn failover(&self, quantile: f64) -> Option<f64> {
        let last = self.failovers.len().checked_sub(1)?;
        let rank = (self.failovers.len() as f64 * quantile) as usize;
        Some(ms(self.failovers[rank.min(last)]))
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

impl Analysis for LeaderElectionAnalysis {
    fn verdict(&self) -> Verdict {
        self.verdict
    }

    fn to_edn(&self) -> Value {
        let figures = self.figures().into_iter().map(|figure| {
            let value = figure.value.map_or(Value::Nil, Value::from);
            (figure.name, value)
        });
        let entries = [
            ("valid?".to_owned(), self.verdict.to_edn()),
            ("anomalies".to_owned(), to_edn(&self.findings)),
        ];
        let entries = entries.into_iter().chain(figures);
        Value::Map(
            entries
                .map(|(name, value)| (Value::keyword(&name), value))
                .collect(),
        )
    }

    fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }

    fn explanation(&self) -> Option<String> {
        let texts: Vec<&str> = self.findings.iter().map(|found| &*found.text).collect();
        match (self.verdict, texts.is_empty()) {
            (Verdict::Unknown, _) => Some("no question who leads was answered".to_owned()),
            (_, true) => None,
            (_, false) => Some(texts.join("\n")),
        }
    }

    fn figures(&self) -> Vec<Figure> {
        let optional = |name: &str, value| Figure {
            name: name.to_owned(),
            value,
        };
        vec![
            Figure::new("split-brain-ms", ms(self.split_brain)),
            Figure::new("leaderless-ms", ms(self.leaderless)),
            Figure::new("tenures", self.tenures.len() as f64),
            Figure::new("failovers", self.failovers.len() as f64),
            optional("failover-median-ms", self.failover(0.5)),
            optional("failover-max-ms", self.failover(1.0)),
        ]
    }

    fn charts(&self, _: &History) -> Vec<Chart> {
        let overlaps = |tenure: &Tenure| {
            let mut others = self.tenures.iter();
            others.any(|other| tenures::overlap(tenure, other).is_some())
        };
        let spans = self.tenures.iter().map(|tenure| Span {
            row: tenure.leader.clone(),
            label: format!("term {}", tenure.term),
            from: tenure.from,
            to: tenure.to.max(tenure.from),
            wrong: overlaps(tenure),
        });
        vec![Chart::Spans {
            title: "Tenures".to_owned(),
            spans: spans.collect(),
        }]
    }
}
