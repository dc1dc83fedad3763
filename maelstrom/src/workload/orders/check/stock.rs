//! Orders, rejections and readings that contradict what a product can have had.

use std::collections::BTreeMap;

use super::ledger::{self, Decision, Ledger, Line, Moment, Order};
use super::movements::{Movements, bounds, range};
use crate::check::findings::{Example, Findings, place};

/// Orders acknowledged as accepted exceed what had been restocked at most.
pub(super) fn oversold(
    found: &mut Findings,
    ledger: &Ledger<'_>,
    movements: &BTreeMap<&str, Movements>,
) {
    let mut acceptances: Vec<(&str, &str, &Order<'_>, Moment)> = Vec::new();
    for (id, order) in &ledger.orders {
        if let Some(at) = order.decided_as(Decision::Accepted) {
            let products = order.lines.iter().map(|line| line.product);
            acceptances.extend(products.map(|product| (product, *id, order, at)));
        }
    }
    acceptances.sort_by_key(|(product, _, _, at)| (*product, *at));
    let mut examples: BTreeMap<&str, Example> = BTreeMap::new();
    let mut previous: Option<(&str, &str, &Order<'_>)> = None;
    for (product, id, order, at) in acceptances {
        let moves = &movements[product];
        let (sold, had) = (
            moves.sales_certain.before(at + 1),
            moves.restocks_possible.before(at),
        );
        if sold > had && !examples.contains_key(product) {
            let mut text = format!(
                "{product} had been restocked with {had} pieces at most when {sold} were sold: {}",
                accepted(id, order, product)
            );
            let mut operations = vec![at];
            if let Some((_, id, order)) = previous.filter(|(other, _, _)| *other == product) {
                text += &format!("; before it, {}", accepted(id, order, product));
                operations.extend(order.decided_as(Decision::Accepted));
            }
            examples.insert(product, Example::new(text, operations));
        }
        previous = Some((product, id, order));
    }
    found.add(
        "oversold",
        "accepted orders exceed all that was ever in stock. Usually two nodes decided orders at the \
         same time, or an order was decided on stock that was already taken.",
        examples.into_values().collect(),
    );
}

fn accepted(id: &str, order: &Order<'_>, product: &str) -> String {
    let quantity: i64 = order
        .lines
        .iter()
        .filter(|line| line.product == product)
        .map(|line| line.quantity)
        .sum();
    match order.decided(Decision::Accepted) {
        Some(evidence) => format!(
            "order {id} for {quantity} was accepted according to {} ({})",
            ledger::text(&evidence.completion.value, "node"),
            place(evidence.completion)
        ),
        None => format!("order {id} for {quantity}"),
    }
}

/// Readings of the main phase below or above what is possible.
pub(super) fn out_of_bounds(
    found: &mut Findings,
    ledger: &Ledger<'_>,
    movements: &BTreeMap<&str, Movements>,
) {
    let mut examples = Vec::new();
    for (product, readings) in &ledger.stocks {
        for reading in readings
            .iter()
            .filter(|reading| !reading.invocation.is_final())
        {
            let stock = reading.number("stock");
            let (least, most) = bounds(movements, product, reading);
            if !(least..=most).contains(&stock) {
                examples.push(Example::new(
                    format!(
                        "{} said that {product} has {stock}, but {} ({})",
                        reading.node(),
                        range(least, most),
                        place(reading.completion)
                    ),
                    [reading.invocation.index, reading.completion.index],
                ));
            }
        }
    }
    found.add(
        "stock-out-of-bounds",
        "a reading of stock contradicts what was restocked and sold. Usually the node read from a \
         copy that was behind, or counted reservations as sales.",
        examples,
    );
}

/// Rejections of orders that could be met in any case.
pub(super) fn unjustified_rejections(
    found: &mut Findings,
    ledger: &Ledger<'_>,
    movements: &BTreeMap<&str, Movements>,
) {
    let mut examples = Vec::new();
    for (id, order) in &ledger.orders {
        let Some(rejection) = order.decided(Decision::Rejected) else {
            continue;
        };
        let Some(begin) = order.requests.possible_from() else {
            continue;
        };
        let end = rejection.completion.index;
        let least =
            |line: &Line<'_>| movements[line.product].least_within(begin, end, line.quantity);
        if !order.lines.is_empty() && order.lines.iter().all(|line| least(line) >= line.quantity) {
            let lines: Vec<String> = order
                .lines
                .iter()
                .map(|line| {
                    format!(
                        "{} of {}, of which at least {} were there",
                        line.quantity,
                        line.product,
                        least(line)
                    )
                })
                .collect();
            examples.push(Example::new(
                format!(
                    "order {id} asked for {} all the time, and was rejected ({})",
                    lines.join(" and "),
                    place(rejection.completion)
                ),
                [begin, end],
            ));
        }
    }
    found.add(
        "unjustified-rejection",
        "an order was rejected although every line could be met during the whole operation, even if \
         all concurrent orders took what they asked for. Usually a reservation was not released.",
        examples,
    );
}
