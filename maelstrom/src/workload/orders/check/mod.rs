//! The checker of orders.
//!
//! The history is booked by id ([`ledger`]): what was asked, from when on it may have taken effect,
//! and which answers prove it. From that follow bounds for stock at every moment ([`movements`]), to
//! which readings and decisions ([`stock`]) and the final answers ([`final_state`]) must keep, rules for
//! decisions and payments ([`decisions`]), and the agreement of all nodes in the end ([`agreement`]). Where everything is known, a search for a linearization finds the rest
//! ([`linear`]).

mod agreement;
mod decisions;
#[cfg(test)]
mod exhaustive;
mod final_state;
mod ledger;
mod linear;
mod movements;
mod stock;

#[cfg(test)]
mod tests;

use std::time::Duration;

use self::decisions::Contradictions;
use self::ledger::{Decision, Ledger};
use self::movements::Movements;
use crate::chart::{Chart, Group, Mark, Series};
use crate::check::findings::{Findings, to_edn};
use crate::check::{Analysis, Figure, Finding, Verdict};
use crate::edn::Value;
use crate::history::{History, Kind};
use crate::workload::Settings;

/// What came of a shop.
#[derive(Clone, Debug)]
pub struct OrdersAnalysis {
    verdict: Verdict,
    findings: Vec<Finding>,
    accepted: usize,
    rejected: usize,
    orders_per_second: f64,
    latencies: crate::history::Latencies,
    charts: Vec<Chart>,
}

/// Judges the history of a shop.
pub(super) fn check(history: &History, _: &Settings) -> OrdersAnalysis {
    let ledger = Ledger::of(history);
    let movements = Movements::of(&ledger);
    let mut found = Findings::default();
    found.add_malformed_replies(history);
    stock::oversold(&mut found, &ledger, &movements);
    let contradictions = Contradictions::of(&ledger);
    let orders_fit = contradictions.is_empty();
    contradictions.report(&mut found);
    final_state::stock(&mut found, &ledger, &movements);
    stock::out_of_bounds(&mut found, &ledger, &movements);
    stock::unjustified_rejections(&mut found, &ledger, &movements);
    agreement::check(&mut found, history, &ledger);
    final_state::statistics(&mut found, &ledger, &movements);
    // What the rules have named is not searched again.
    if orders_fit {
        linear::orders(&mut found, &ledger);
    }
    let findings = found.clone().into_vec();
    let findings = match findings.is_empty() {
        true => {
            linear::products(&mut found, &ledger);
            found.into_vec()
        }
        false => findings,
    };
    let decided = |decision| {
        let orders = ledger.orders.values();
        orders
            .filter(|order| order.decided(decision).is_some())
            .count()
    };
    let (accepted, rejected) = (decided(Decision::Accepted), decided(Decision::Rejected));
    let verdict = match (findings.is_empty(), accepted + rejected > 0) {
        (false, _) => Verdict::Invalid,
        (true, true) => Verdict::Valid,
        (true, false) => Verdict::Unknown,
    };
    OrdersAnalysis {
        verdict,
        findings,
        accepted,
        rejected,
        orders_per_second: orders_per_second(history),
        latencies: history.ok_latencies(Some("order")),
        charts: charts(history, &ledger),
    }
}

/// Orders that were answered, per second of the main phase.
fn orders_per_second(history: &History) -> f64 {
    let main = || history.clients().filter(|op| !op.is_final());
    let end = main().map(|op| op.time).max().unwrap_or_default();
    let orders = main()
        .filter(|op| op.f == "order" && op.kind == Kind::Ok)
        .count();
    match end.is_zero() {
        true => 0.0,
        false => orders as f64 / end.as_secs_f64(),
    }
}

impl Analysis for OrdersAnalysis {
    fn verdict(&self) -> Verdict {
        self.verdict
    }

    fn to_edn(&self) -> Value {
        let figures = self.figures().into_iter().map(|figure| {
            let value = figure.value.map_or(Value::Nil, Value::from);
            (Value::keyword(&figure.name), value)
        });
        let entries = [
            (Value::keyword("valid?"), self.verdict.to_edn()),
            (Value::keyword("anomalies"), to_edn(&self.findings)),
        ];
        Value::Map(entries.into_iter().chain(figures).collect())
    }

    fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }

    fn explanation(&self) -> Option<String> {
        if self.verdict == Verdict::Unknown {
            return Some("no order was decided, so nothing was tested".to_owned());
        }
        let texts: Vec<&str> = self.findings.iter().map(|found| &*found.text).collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }

    fn figures(&self) -> Vec<Figure> {
        let latency = |name: &str, quantile| Figure {
            name: name.to_owned(),
            value: self
                .latencies
                .quantile(quantile)
                .map(|latency: Duration| latency.as_secs_f64() * 1000.0),
        };
        vec![
            Figure::new("orders-per-second", self.orders_per_second),
            Figure::new("accepted", self.accepted as f64),
            Figure::new("rejected", self.rejected as f64),
            latency("order-median-ms", 0.5),
            latency("order-p99-ms", 0.99),
            Figure::new("anomaly-kinds", self.findings.len() as f64),
        ]
    }

    fn charts(&self, _: &History) -> Vec<Chart> {
        self.charts.clone()
    }
}

/// The stock of each product over time, and latencies of orders with and without faults.
fn charts(history: &History, ledger: &Ledger<'_>) -> Vec<Chart> {
    let mut series = Vec::new();
    for product in ledger.products() {
        let mut changes: Vec<(Duration, i64)> = Vec::new();
        let answered = |at: usize| history.get(at).map(|op| op.time).unwrap_or_default();
        for restock in ledger.restocks.values().filter(|r| r.product == product) {
            let at = restock.requests.answered_at();
            changes.extend(at.map(|at| (answered(at), restock.quantity)));
        }
        for order in ledger.orders.values() {
            for line in order.lines.iter().filter(|line| line.product == product) {
                let at = order.decided_as(Decision::Accepted);
                changes.extend(at.map(|at| (answered(at), -line.quantity)));
            }
        }
        changes.sort_unstable();
        let mut stock = 0;
        let points = changes.into_iter().map(|(at, change)| {
            stock += change;
            (at, stock as f64)
        });
        series.push(Series {
            name: product.to_owned(),
            points: points.collect(),
            stepped: true,
        });
    }
    let rejections = ledger.orders.iter().filter_map(|(id, order)| {
        let rejection = order.decided(Decision::Rejected)?;
        Some(Mark {
            at: rejection.completion.time,
            label: format!("order {id} rejected"),
            operation: Some(rejection.completion.index),
        })
    });
    vec![
        Chart::Lines {
            title: "Stock, as restocks and accepted orders were answered".to_owned(),
            unit: "pieces".to_owned(),
            series,
            marks: rejections.collect(),
        },
        latencies(history),
    ]
}

fn latencies(history: &History) -> Chart {
    let faults = faults(history);
    let (mut quiet, mut faulty) = (Vec::new(), Vec::new());
    for (invocation, completion) in history.pairs().filter(|(op, _)| op.f == "order") {
        let Some(done) = completion.filter(|done| done.kind == Kind::Ok) else {
            continue;
        };
        let during = faults
            .iter()
            .any(|(from, to)| *from <= done.time && invocation.time <= *to);
        let samples = if during { &mut faulty } else { &mut quiet };
        samples.push(done.time.saturating_sub(invocation.time).as_secs_f64() * 1000.0);
    }
    let group = |name: &str, samples| Group {
        name: name.to_owned(),
        samples,
    };
    Chart::Distribution {
        title: "Latency of orders".to_owned(),
        unit: "ms".to_owned(),
        groups: vec![
            group("without faults", quiet),
            group("during faults", faulty),
        ],
    }
}

/// The times between the beginning of a fault and the end of the last one.
fn faults(history: &History) -> Vec<(Duration, Duration)> {
    let mut intervals = Vec::new();
    let mut begun: Option<Duration> = None;
    for op in history.iter().filter(|op| !op.is_client()) {
        let ends =
            op.f.starts_with("stop-") || matches!(&*op.f, "start" | "resume" | "reset-clock");
        match (ends, begun) {
            (true, Some(from)) => {
                intervals.push((from, op.time));
                begun = None;
            }
            (false, None) => begun = Some(op.time),
            _ => {}
        }
    }
    intervals.extend(begun.map(|from| (from, Duration::MAX)));
    intervals
}
