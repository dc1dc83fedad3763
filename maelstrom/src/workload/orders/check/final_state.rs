//! What the answers to the final questions prove about stock and statistics.

use std::collections::BTreeMap;

use super::ledger::{Decision, Ledger, Order};
use super::movements::{Movements, bounds, range};
use crate::check::findings::{Example, Findings, place};

/// What the final stock proves: something was lost, counted twice, or never given back.
pub(super) fn stock(
    found: &mut Findings,
    ledger: &Ledger<'_>,
    movements: &BTreeMap<&str, Movements>,
) {
    let mut by_anomaly: BTreeMap<&str, Vec<Example>> = BTreeMap::new();
    for (product, readings) in &ledger.stocks {
        for reading in readings
            .iter()
            .filter(|reading| reading.invocation.is_final())
        {
            let stock = reading.number("stock");
            let (least, most) = bounds(movements, product, reading);
            if (least..=most).contains(&stock) {
                continue;
            }
            let seen = format!(
                "in the end {} said that {product} has {stock}, but {}",
                reading.node(),
                range(least, most)
            );
            let (anomaly, guess) = explain(ledger, product, stock, least, most);
            by_anomaly.entry(anomaly).or_default().push(Example::new(
                format!("{seen}: {guess} ({})", place(reading.completion)),
                [reading.invocation.index, reading.completion.index],
            ));
        }
    }
    for (anomaly, meaning) in [
        (
            "counted-twice",
            "a request that was repeated took effect again. Ids must be remembered with their effect.",
        ),
        (
            "lost-restock",
            "an acknowledged restock is missing in the end. It was acknowledged before it was safe.",
        ),
        (
            "leak",
            "in the end stock is not what was restocked minus what was sold. Usually a reservation \
             was never confirmed or released.",
        ),
    ] {
        found.add(
            anomaly,
            meaning,
            by_anomaly.remove(anomaly).unwrap_or_default(),
        );
    }
}

/// The likeliest reason why the final stock is wrong.
fn explain(
    ledger: &Ledger<'_>,
    product: &str,
    stock: i64,
    least: i64,
    most: i64,
) -> (&'static str, String) {
    let restocks = || {
        let restocks = ledger.restocks.iter();
        restocks.filter(|(_, restock)| restock.product == product)
    };
    if stock > most {
        let surplus = stock - most;
        let twice = restocks()
            .find(|(_, restock)| restock.requests.are_repeated() && restock.quantity == surplus);
        return match twice {
            Some((id, _)) => (
                "counted-twice",
                format!("{surplus} too many, as much as the repeated restock {id}"),
            ),
            None => ("leak", format!("{surplus} too many")),
        };
    }
    let deficit = least - stock;
    let asks = |order: &Order<'_>| {
        let mut lines = order.lines.iter();
        lines.any(|line| line.product == product && line.quantity == deficit)
    };
    let twice = ledger.orders.iter().find(|(_, order)| {
        order.requests.are_repeated() && order.decided(Decision::Accepted).is_some() && asks(order)
    });
    let lost = restocks().find(|(_, restock)| {
        restock.quantity == deficit && restock.requests.answered_at().is_some()
    });
    match (lost, twice) {
        (Some((id, _)), _) => (
            "lost-restock",
            format!("{deficit} too few, as much as the acknowledged restock {id}"),
        ),
        (None, Some((id, _))) => (
            "counted-twice",
            format!("{deficit} too few, as much as the repeated order {id}"),
        ),
        (None, None) => ("leak", format!("{deficit} too few")),
    }
}

/// Final statistics that are not the accepted orders.
pub(super) fn statistics(
    found: &mut Findings,
    ledger: &Ledger<'_>,
    movements: &BTreeMap<&str, Movements>,
) {
    let nothing = Movements::default();
    let mut examples = Vec::new();
    for (product, readings) in &ledger.statistics {
        let moves = movements.get(product).unwrap_or(&nothing);
        for reading in readings
            .iter()
            .filter(|reading| reading.invocation.is_final())
        {
            for (name, least, most) in moves.statistics_bounds(reading) {
                let count = reading.number(name);
                if !(least..=most).contains(&count) {
                    examples.push(Example::new(
                        format!(
                            "in the end {} counted {count} {name} of {product}, but there were \
                             between {least} and {most} ({})",
                            reading.node(),
                            place(reading.completion)
                        ),
                        [reading.invocation.index, reading.completion.index],
                    ));
                }
            }
        }
    }
    found.add(
        "wrong-statistics",
        "final statistics do not count the accepted orders. Usually a round was lost, or an order was \
         counted by two nodes.",
        examples,
    );
}
