//! From the elements' fates to the results, and to words.

use std::cmp::Reverse;
use std::time::Duration;

use super::elements::Element;
use super::{NodeOf, Outcome, SetAnalysis, StaleElement, WORST, missing};
use crate::chart::{Chart, Group};
use crate::check::{Analysis, Figure, Verdict, cite};
use crate::edn::Value;
use crate::history::{History, Kind, Operation};

/// How many lost elements an explanation spells out.
const EXPLAINED: usize = 8;

/// The quantiles that results show; 0 and 1 as integers, as upstream prints them.
fn quantiles() -> [(f64, Value); 5] {
    [
        (0.0, 0.into()),
        (0.5, 0.5.into()),
        (0.95, 0.95.into()),
        (0.99, 0.99.into()),
        (1.0, 1.into()),
    ]
}

/// Sums up what became of the elements, which are in ascending order.
pub(super) fn analyse(
    history: &History,
    add: &str,
    elements: Vec<Element>,
    node_of: &NodeOf<'_>,
) -> SetAnalysis {
    let with_outcome = |outcome| elements.iter().filter(move |e| e.outcome() == outcome);
    let values = |outcome| with_outcome(outcome).map(|e| e.value.clone()).collect();

    let latency = |element: &Element| element.latency(history, element.last_absent);
    let stable: Vec<_> = with_outcome(Outcome::Stable)
        .map(|e| (latency(e), e))
        .collect();
    let stale = stable.iter().filter(|(latency, _)| !latency.is_zero());
    let mut worst: Vec<_> = stale.clone().collect();
    worst.sort_by_key(|(latency, element)| Reverse((*latency, element.value)));
    let worst = worst.into_iter().take(WORST);

    let lost: Vec<_> = with_outcome(Outcome::Lost).collect();
    let lost_latency = |element: &&Element| element.latency(history, element.last_present);

    let explanation = if !lost.is_empty() {
        let mut lines = missing::describe(history, &lost, node_of);
        lines.extend(missing::foreign(history, &elements, node_of));
        lines.push(explain_lost(history, &lost));
        Some(lines.join("\n"))
    } else if stable.is_empty() {
        Some(explain_unknown(history, add, elements.len()))
    } else {
        None
    };
    SetAnalysis {
        attempt_count: elements.len(),
        stable_count: stable.len(),
        lost: values(Outcome::Lost),
        never_read: values(Outcome::NeverRead),
        stale: stale.clone().map(|(_, e)| e.value.clone()).collect(),
        worst_stale: worst
            .filter_map(|(latency, element)| stale_element(history, add, element, *latency))
            .collect(),
        repeated: elements
            .iter()
            .filter(|element| element.copies_max > 1)
            .map(|element| (element.value.clone(), element.copies_max))
            .collect(),
        stable_latencies: sorted(stable.iter().map(|(latency, _)| *latency)),
        stable_bounds: stable_bounds(history, &stable),
        lost_latencies: sorted(lost.iter().map(lost_latency)),
        explanation,
    }
}

/// For each stable element the time from when it was known to the answer of the first read that shows
/// it after the last one that missed it; sorted.
fn stable_bounds(history: &History, stable: &[(Duration, &Element)]) -> Vec<Duration> {
    let reads = history.pairs().filter(|(op, _)| op.f == "read");
    let reads: Vec<(usize, Duration)> = reads
        .filter_map(|(invocation, completion)| {
            let answer = completion.filter(|done| done.kind == Kind::Ok)?;
            Some((invocation.index, answer.time))
        })
        .collect();
    let bounds = stable.iter().filter_map(|(_, element)| {
        let known = element.known?;
        let after = element.last_absent.unwrap_or(0).max(known);
        let next = reads.partition_point(|(invoked, _)| *invoked <= after);
        let (_, answered) = reads.get(next)?;
        Some(answered.saturating_sub(history.get(known)?.time))
    });
    sorted(bounds)
}

fn sorted(latencies: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut latencies: Vec<_> = latencies.collect();
    latencies.sort_unstable();
    latencies
}

fn stale_element(
    history: &History,
    add: &str,
    element: &Element,
    stable_latency: Duration,
) -> Option<StaleElement> {
    let mut known = history.get(element.known?)?.clone();
    if known.f == add {
        // The analysis is that of a set, whatever the workload calls its adds.
        known.f = "add".into();
    }
    Some(StaleElement {
        element: element.value.clone(),
        stable_latency,
        known,
        last_absent: history.get(element.last_absent?)?.clone(),
    })
}

fn explain_lost(history: &History, lost: &[&Element]) -> String {
    let mut lines = vec![format!("lost elements: {}", lost.len())];
    lines.extend(lost.iter().take(EXPLAINED).map(|element| {
        let cited = |index: Option<usize>| index.and_then(|i| history.get(i)).map(cite);
        let known = cited(element.known).unwrap_or_default();
        let how = match element.known.and_then(|i| history.get(i)) {
            Some(op) if op.f == "read" => "first read by",
            _ => "acknowledged to",
        };
        let present = match cited(element.last_present) {
            Some(read) => format!("last shown to a read by {read}"),
            None => "never shown".to_owned(),
        };
        let absent = cited(element.last_absent).unwrap_or_default();
        let value = element.value;
        format!("  {value}: {how} {known}, {present}, missed by a read by {absent}")
    }));
    if lost.len() > EXPLAINED {
        lines.push(format!("  … and {} more", lost.len() - EXPLAINED));
    }
    lines.join("\n")
}

fn explain_unknown(history: &History, add: &str, attempted: usize) -> String {
    let completed = |op: &&Operation| op.kind == Kind::Ok && op.f == "read";
    let reads = history.clients().filter(completed).count();
    format!(
        "no element is stable, so nothing is shown (elements to be added by {add}: {attempted}, \
         completed reads: {reads})"
    )
}

/// How many lost elements are followed from node to node.
const TRACED: usize = 2;

impl Analysis for SetAnalysis {
    fn values_to_trace(&self) -> Vec<Value> {
        self.lost.iter().take(TRACED).cloned().collect()
    }

    fn verdict(&self) -> Verdict {
        if !self.lost.is_empty() {
            Verdict::Invalid
        } else if self.stable_count == 0 {
            Verdict::Unknown
        } else {
            Verdict::Valid
        }
    }

    fn to_edn(&self) -> Value {
        let mut entries = vec![
            ("valid?", self.verdict().to_edn()),
            ("attempt-count", self.attempt_count.into()),
            ("stable-count", self.stable_count.into()),
            ("lost-count", self.lost.len().into()),
            ("lost", Value::list(self.lost.iter().cloned())),
            ("never-read-count", self.never_read.len().into()),
            ("never-read", Value::list(self.never_read.iter().cloned())),
            ("stale-count", self.stale.len().into()),
            ("stale", Value::list(self.stale.iter().cloned())),
            (
                "worst-stale",
                Value::list(self.worst_stale.iter().map(StaleElement::to_edn)),
            ),
            // Upstream means to list repeated elements here but never does.
            ("duplicated-count", 0.into()),
            ("duplicated", Value::map([])),
        ];
        if !self.stable_latencies.is_empty() {
            let latencies = quantile_map(|q| self.stable_latency(q));
            entries.push(("stable-latencies", latencies));
        }
        if !self.lost_latencies.is_empty() {
            let latencies = quantile_map(|q| self.lost_latency(q));
            entries.push(("lost-latencies", latencies));
        }
        Value::map(entries)
    }

    fn explanation(&self) -> Option<String> {
        self.explanation.clone()
    }

    fn charts(&self, _: &History) -> Vec<Chart> {
        let group = |name: &str, latencies: &[Duration]| Group {
            name: name.to_owned(),
            samples: latencies
                .iter()
                .map(|latency| latency.as_secs_f64() * 1000.0)
                .collect(),
        };
        vec![Chart::Distribution {
            title: "Stable latency: from the acknowledgement until every read has the value"
                .to_owned(),
            unit: "ms".to_owned(),
            groups: vec![
                group("stable latency", &self.stable_latencies),
                group("upper bound", &self.stable_bounds),
            ],
        }]
    }

    fn figures(&self) -> Vec<Figure> {
        let figure = |name: &str, latency: Option<Duration>| Figure {
            name: name.to_owned(),
            value: latency.map(|latency| latency.as_millis() as f64),
        };
        vec![
            figure(
                "stable-latency-bound-median-ms",
                self.stable_latency_bound(0.5),
            ),
            figure(
                "stable-latency-bound-max-ms",
                self.stable_latency_bound(1.0),
            ),
        ]
    }
}

fn quantile_map(latency: impl Fn(f64) -> Option<Duration>) -> Value {
    let entries = quantiles().into_iter();
    let entries = entries.filter_map(|(q, key)| Some((key, millis(latency(q)?))));
    Value::Map(entries.collect())
}

fn millis(duration: Duration) -> Value {
    Value::from(duration.as_millis() as i128)
}

impl StaleElement {
    fn to_edn(&self) -> Value {
        Value::map([
            ("element", self.element.clone()),
            ("outcome", Value::keyword("stable")),
            ("stable-latency", millis(self.stable_latency)),
            ("lost-latency", Value::Nil),
            ("known", self.known.to_edn()),
            ("last-absent", self.last_absent.to_edn()),
        ])
    }
}
