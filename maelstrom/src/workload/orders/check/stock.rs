//! Stock: what each product can have had at any moment, and what contradicts it.
//!
//! Between the first request and the first answer an effect may or may not have happened. So the
//! stock at a moment has two bounds: certain restocks minus possible orders, and possible restocks
//! minus certain orders. Both are sums over everything before the moment, kept as running totals.

use std::collections::BTreeMap;

use super::ledger::{Decision, Ledger, Line, Moment, Order, Reading};
use crate::check::findings::{Example, Findings, place};

/// A running total over moments.
#[derive(Clone, Debug, Default)]
struct Total(Vec<(Moment, i64)>);

impl Total {
    fn of(mut changes: Vec<(Moment, i64)>) -> Total {
        changes.sort_unstable();
        let mut sum = 0;
        for (_, change) in &mut changes {
            sum += *change;
            *change = sum;
        }
        Total(changes)
    }

    /// The total of the changes before a moment.
    fn before(&self, moment: Moment) -> i64 {
        let count = self.0.partition_point(|(at, _)| *at < moment);
        count.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}

/// What can have happened to a product.
#[derive(Clone, Debug, Default)]
pub(super) struct Movements {
    restocks_possible: Total,
    restocks_certain: Total,
    sales_possible: Total,
    sales_certain: Total,
    orders_possible: Total,
    orders_certain: Total,
    /// What was asked for by orders that may have been accepted, or were rejected at this moment.
    demand: Total,
    /// The same of orders whose rejection was known.
    demand_rejected: Total,
}

impl Movements {
    /// The movements of every product.
    pub fn of<'a>(ledger: &Ledger<'a>) -> BTreeMap<&'a str, Movements> {
        let mut changes: BTreeMap<&str, [Vec<(Moment, i64)>; 8]> = BTreeMap::new();
        let mut note = |product, kind: usize, at: Option<Moment>, change| {
            let changes: &mut [Vec<_>; 8] = changes.entry(product).or_default();
            changes[kind].extend(at.map(|at| (at, change)));
        };
        for restock in ledger.restocks.values() {
            let requests = &restock.requests;
            note(
                restock.product,
                0,
                requests.possible_from(),
                restock.quantity,
            );
            note(restock.product, 1, requests.answered_at(), restock.quantity);
        }
        for order in ledger.orders.values() {
            let begun = order.requests.possible_from();
            let possible = begun.filter(|_| order.may_be_accepted());
            let certain = order.decided_as(Decision::Accepted);
            let rejected = order
                .decided_as(Decision::Rejected)
                .filter(|_| begun.is_some());
            for &Line { product, quantity } in &order.lines {
                note(product, 2, possible, quantity);
                note(product, 3, certain, quantity);
                note(product, 4, possible, 1);
                note(product, 5, certain, 1);
                note(product, 6, begun, quantity);
                note(product, 7, rejected, quantity);
            }
        }
        let movements = changes.into_iter().map(|(product, changes)| {
            let [a, b, c, d, e, f, g, h] = changes.map(Total::of);
            let movements = Movements {
                restocks_possible: a,
                restocks_certain: b,
                sales_possible: c,
                sales_certain: d,
                orders_possible: e,
                orders_certain: f,
                demand: g,
                demand_rejected: h,
            };
            (product, movements)
        });
        movements.collect()
    }

    /// The least and the most stock that a reading can show.
    fn bounds(&self, reading: &Reading<'_>) -> (i64, i64) {
        let (begin, end) = (reading.invocation.index, reading.completion.index);
        let least = self.restocks_certain.before(begin) - self.sales_possible.before(end);
        let most = self.restocks_possible.before(end) - self.sales_certain.before(begin);
        (least.max(0), most)
    }

    /// The least stock at any moment of an interval, if every concurrent order took what it asked
    /// for, but for one that asked for `own`.
    fn least_within(&self, begin: Moment, end: Moment, own: i64) -> i64 {
        let taken = self.demand.before(end) - self.demand_rejected.before(begin) - own;
        self.restocks_certain.before(begin) - taken
    }

    /// The least and the most that statistics can count when they are read in the end.
    fn statistics_bounds(&self, reading: &Reading<'_>) -> [(&'static str, i64, i64); 2] {
        let (begin, end) = (reading.invocation.index, reading.completion.index);
        let bounds =
            |certain: &Total, possible: &Total| (certain.before(begin), possible.before(end));
        let (orders_least, orders_most) = bounds(&self.orders_certain, &self.orders_possible);
        let (sold_least, sold_most) = bounds(&self.sales_certain, &self.sales_possible);
        [
            ("orders", orders_least, orders_most),
            ("sold", sold_least, sold_most),
        ]
    }
}

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
            super::ledger::text(&evidence.completion.value, "node"),
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

fn bounds(
    movements: &BTreeMap<&str, Movements>,
    product: &str,
    reading: &Reading<'_>,
) -> (i64, i64) {
    let moves = movements.get(product);
    moves.map_or((0, 0), |moves| moves.bounds(reading))
}

fn range(least: i64, most: i64) -> String {
    match (least == most, least > most) {
        (true, _) => format!("it must have {least}"),
        (false, false) => format!("it must have between {least} and {most}"),
        (false, true) => "no stock at all is possible".to_owned(),
    }
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

/// What the final stock proves: something was lost, counted twice, or never given back.
pub(super) fn final_stock(
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
