//! What each product can have had at any moment.
//!
//! Between the first request and the first answer an effect may or may not have happened. So the
//! stock at a moment has two bounds: certain restocks minus possible orders, and possible restocks
//! minus certain orders. Both are sums over everything before the moment, kept as running totals.

use std::collections::BTreeMap;

use super::ledger::{Decision, Ledger, Line, Moment, Reading};

/// A running total over moments.
#[derive(Clone, Debug, Default)]
pub(super) struct Total(Vec<(Moment, i64)>);

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
    pub fn before(&self, moment: Moment) -> i64 {
        let count = self.0.partition_point(|(at, _)| *at < moment);
        count.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}

/// What can have happened to a product.
#[derive(Clone, Debug, Default)]
pub(super) struct Movements {
    pub restocks_possible: Total,
    restocks_certain: Total,
    sales_possible: Total,
    pub sales_certain: Total,
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
    pub fn bounds(&self, reading: &Reading<'_>) -> (i64, i64) {
        let (begin, end) = (reading.invocation.index, reading.completion.index);
        let least = self.restocks_certain.before(begin) - self.sales_possible.before(end);
        let most = self.restocks_possible.before(end) - self.sales_certain.before(begin);
        (least.max(0), most)
    }

    /// The least stock at any moment of an interval, if every concurrent order took what it asked
    /// for, but for one that asked for `own`.
    pub fn least_within(&self, begin: Moment, end: Moment, own: i64) -> i64 {
        let taken = self.demand.before(end) - self.demand_rejected.before(begin) - own;
        self.restocks_certain.before(begin) - taken
    }

    /// The least and the most that statistics can count when they are read in the end.
    pub fn statistics_bounds(&self, reading: &Reading<'_>) -> [(&'static str, i64, i64); 2] {
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

/// The least and the most stock that a reading of a product can show.
pub(super) fn bounds(
    movements: &BTreeMap<&str, Movements>,
    product: &str,
    reading: &Reading<'_>,
) -> (i64, i64) {
    let moves = movements.get(product);
    moves.map_or((0, 0), |moves| moves.bounds(reading))
}

/// The possible stock in words.
pub(super) fn range(least: i64, most: i64) -> String {
    match (least == most, least > most) {
        (true, _) => format!("it must have {least}"),
        (false, false) => format!("it must have between {least} and {most}"),
        (false, true) => "no stock at all is possible".to_owned(),
    }
}
