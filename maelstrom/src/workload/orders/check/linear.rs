//! Where outcomes are known, exactly: is there an order of the operations that explains the answers?
//!
//! The bounds of [`stock`](super::stock) and the rules of [`decisions`](super::decisions) look at one
//! answer at a time, and name what they find. Some answers contradict each other only together. So
//! each order, and each product whose operations all have known outcomes, is also searched for a
//! linearization.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::{Attempt, Decision, Ledger, Order, status, text};
use crate::check::findings::{Example, Findings, place};
use crate::check::object::{Call, Model, Outcome, linearize};
use crate::history::{Kind, Operation};

/// Configurations that the search of one order or product may look at.
const BUDGET: usize = 50_000;

/// An operation on the stock of one product.
#[derive(Clone, Copy, Debug)]
enum StockOp {
    Restock(i64),
    Sell(i64),
    Refuse(i64),
    Read(i64),
}

/// The stock of one product.
struct Stock;

impl Model for Stock {
    type State = i64;
    type Op = StockOp;

    fn initial(&self) -> i64 {
        0
    }

    fn step(&self, &stock: &i64, op: &StockOp) -> Vec<i64> {
        let next = match *op {
            StockOp::Restock(quantity) => Some(stock + quantity),
            StockOp::Sell(quantity) => Some(stock - quantity).filter(|left| *left >= 0),
            StockOp::Refuse(quantity) => Some(stock).filter(|stock| *stock < quantity),
            StockOp::Read(seen) => Some(stock).filter(|stock| *stock == seen),
        };
        next.into_iter().collect()
    }
}

/// Products whose answers no order of the operations explains.
pub(super) fn products(found: &mut Findings, ledger: &Ledger<'_>) {
    let mut examples: BTreeMap<&str, Vec<Example>> = BTreeMap::new();
    for (product, (calls, answers)) in stock_calls(ledger) {
        if let Outcome::Stuck(stuck) = linearize(&Stock, &calls, BUDGET) {
            let (anomaly, what) = match calls[stuck].op {
                StockOp::Sell(quantity) => ("oversold", format!("an order for {quantity}")),
                StockOp::Refuse(quantity) => (
                    "unjustified-rejection",
                    format!("the rejection of {quantity}"),
                ),
                StockOp::Read(seen) => ("stock-out-of-bounds", format!("a reading of {seen}")),
                StockOp::Restock(quantity) => {
                    ("stock-out-of-bounds", format!("a restock of {quantity}"))
                }
            };
            examples.entry(anomaly).or_default().push(Example::new(
                format!(
                    "no order of the operations on {product} explains {what} ({})",
                    place(answers[stuck])
                ),
                [answers[stuck].index],
            ));
        }
    }
    for (anomaly, examples) in examples {
        found.add(
            anomaly,
            "the answers about a product contradict each other: it is not linearizable.",
            examples,
        );
    }
}

type Calls<'a> = (Vec<Call<StockOp>>, Vec<&'a Operation>);

/// The calls on each product whose operations all have known outcomes. A rejection counts only where
/// every order has one line: another line may be its reason, or a reservation of another order.
fn stock_calls<'a>(ledger: &Ledger<'a>) -> BTreeMap<&'a str, Calls<'a>> {
    let mut products: BTreeMap<&str, Calls<'a>> = BTreeMap::new();
    let mut excluded = Vec::new();
    let single = ledger.orders.values().all(|order| order.lines.len() <= 1);
    let mut add = |product, op, invoked, answer: &'a Operation| {
        let (calls, answers) = products.entry(product).or_default();
        let returned = Some(answer.index);
        calls.push(Call {
            op,
            invoked,
            returned,
        });
        answers.push(answer);
    };
    for restock in ledger.restocks.values() {
        let Some(begun) = restock.requests.possible_from() else {
            continue;
        };
        let answers = restock.requests.0.iter().filter_map(Attempt::answer);
        match answers.min_by_key(|answer| answer.index) {
            Some(answer) => add(
                restock.product,
                StockOp::Restock(restock.quantity),
                begun,
                answer,
            ),
            None => excluded.push(restock.product),
        }
    }
    for order in ledger.orders.values() {
        let Some(begun) = order.requests.possible_from() else {
            continue;
        };
        for line in &order.lines {
            match order.evidence.first() {
                None => excluded.push(line.product),
                Some(first) if first.decision == Decision::Accepted => {
                    add(
                        line.product,
                        StockOp::Sell(line.quantity),
                        begun,
                        first.completion,
                    );
                }
                Some(first) if single => {
                    add(
                        line.product,
                        StockOp::Refuse(line.quantity),
                        begun,
                        first.completion,
                    );
                }
                Some(_) => {}
            }
        }
    }
    for (product, readings) in &ledger.stocks {
        for reading in readings {
            let op = StockOp::Read(reading.number("stock"));
            add(product, op, reading.invocation.index, reading.completion);
        }
    }
    for product in excluded {
        products.remove(product);
    }
    products
}

/// The state of one order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct OrderState<'a> {
    decision: Option<Decision>,
    paid: Option<&'a str>,
    /// Payments that came before the order.
    held: BTreeSet<&'a str>,
}

/// An operation on one order, with its answer if there is one.
#[derive(Clone, Copy, Debug)]
enum OrderOp<'a> {
    Decide(Option<Decision>),
    Pay(&'a str, Option<&'a str>),
    Read(&'a str, &'a str),
}

struct OneOrder<'a>(std::marker::PhantomData<&'a ()>);

impl<'a> Model for OneOrder<'a> {
    type State = OrderState<'a>;
    type Op = OrderOp<'a>;

    fn initial(&self) -> OrderState<'a> {
        OrderState::default()
    }

    fn step(&self, state: &OrderState<'a>, op: &OrderOp<'a>) -> Vec<OrderState<'a>> {
        match *op {
            OrderOp::Decide(answer) => {
                let decisions = match state.decision {
                    Some(decision) => vec![decision],
                    None => vec![Decision::Accepted, Decision::Rejected],
                };
                let possible = decisions.into_iter();
                possible
                    .filter(|decision| answer.is_none_or(|answer| answer == *decision))
                    .flat_map(|decision| state.clone().decide(decision))
                    .collect()
            }
            OrderOp::Pay(payment, answer) => {
                let (next, true_answer) = state.clone().pay(payment);
                let fits = answer.is_none_or(|answer| answer == true_answer);
                fits.then_some(next).into_iter().collect()
            }
            OrderOp::Read(seen, payment) => {
                let fits = state.status() == seen && state.paid.unwrap_or_default() == payment;
                fits.then(|| state.clone()).into_iter().collect()
            }
        }
    }
}

impl<'a> OrderState<'a> {
    /// The states after a decision: any of the payments that were held may be the one that pays.
    fn decide(mut self, decision: Decision) -> Vec<OrderState<'a>> {
        if self.decision.is_some() {
            return vec![self];
        }
        self.decision = Some(decision);
        let held = std::mem::take(&mut self.held);
        if decision == Decision::Rejected || held.is_empty() {
            return vec![self];
        }
        let paid_by = |payment| OrderState {
            paid: Some(payment),
            ..self.clone()
        };
        held.into_iter().map(paid_by).collect()
    }

    /// The state after a payment, and the answer to it.
    fn pay(mut self, payment: &'a str) -> (OrderState<'a>, &'static str) {
        let answer = match (self.decision, self.paid) {
            (None, _) => {
                self.held.insert(payment);
                "held"
            }
            (Some(Decision::Rejected), _) => "refunded",
            (Some(Decision::Accepted), Some(paid)) if paid != payment => "refunded",
            (Some(Decision::Accepted), _) => {
                self.paid = Some(payment);
                "paid"
            }
        };
        (self, answer)
    }

    fn status(&self) -> &'static str {
        match (self.decision, self.paid) {
            (None, _) => "unknown",
            (Some(Decision::Rejected), _) => "rejected",
            (Some(Decision::Accepted), None) => "accepted",
            (Some(Decision::Accepted), Some(_)) => "paid",
        }
    }
}

/// Orders whose answers no order of the operations explains.
pub(super) fn orders(found: &mut Findings, ledger: &Ledger<'_>) {
    let mut examples = Vec::new();
    for (id, order) in &ledger.orders {
        let (calls, answers) = order_calls(ledger, order);
        let model = OneOrder(std::marker::PhantomData);
        if let Outcome::Stuck(stuck) = linearize(&model, &calls, BUDGET)
            && let Some(answer) = answers[stuck]
        {
            examples.push(Example::new(
                format!(
                    "no order of the operations on order {id} explains that {} said {} ({})",
                    text(&answer.value, "node"),
                    status(answer),
                    place(answer)
                ),
                [answer.index],
            ));
        }
    }
    found.add(
        "stale-status",
        "the answers about an order contradict each other: it is not linearizable.",
        examples,
    );
}

type OrderCalls<'a> = (Vec<Call<OrderOp<'a>>>, Vec<Option<&'a Operation>>);

fn order_calls<'a>(ledger: &Ledger<'a>, order: &Order<'a>) -> OrderCalls<'a> {
    let (mut calls, mut answers) = (Vec::new(), Vec::new());
    let mut add = |attempt: &Attempt<'a>, op| {
        let refused = attempt.completion.filter(|_| attempt.answer().is_none());
        if refused.is_some_and(|done| done.kind == Kind::Fail) {
            return;
        }
        calls.push(Call {
            op,
            invoked: attempt.invoked(),
            returned: attempt.answer().map(|answer| answer.index),
        });
        answers.push(attempt.answer());
    };
    for attempt in &order.requests.0 {
        let decision = attempt.answer().map(|answer| match status(answer) {
            "accepted" => Decision::Accepted,
            _ => Decision::Rejected,
        });
        add(attempt, OrderOp::Decide(decision));
    }
    for payment in &order.payments {
        for attempt in &ledger.payments[payment].requests.0 {
            add(attempt, OrderOp::Pay(payment, attempt.answer().map(status)));
        }
    }
    for attempt in &order.statuses {
        if let Some(answer) = attempt.answer() {
            let payment = text(&answer.value, "payment");
            add(attempt, OrderOp::Read(status(answer), payment));
        }
    }
    (calls, answers)
}
