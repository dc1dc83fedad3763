//! The history as a shopkeeper would book it: per id what was asked, and what the answers prove.

use std::collections::BTreeMap;

use crate::edn::Value;
use crate::history::{History, Kind, Operation};

/// A moment, as an index in the history.
pub(super) type Moment = usize;

/// What an order came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Decision {
    Accepted,
    Rejected,
}

impl Decision {
    pub fn name(self) -> &'static str {
        match self {
            Decision::Accepted => "accepted",
            Decision::Rejected => "rejected",
        }
    }
}

/// A request with what came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt<'a> {
    pub invocation: &'a Operation,
    pub completion: Option<&'a Operation>,
}

impl<'a> Attempt<'a> {
    pub fn invoked(&self) -> Moment {
        self.invocation.index
    }

    /// The completion, if the request was answered without an error.
    pub fn answer(&self) -> Option<&'a Operation> {
        self.completion.filter(|done| done.kind == Kind::Ok)
    }

    /// Whether the request certainly had no effect.
    fn is_refused(&self) -> bool {
        self.completion.is_some_and(|done| done.kind == Kind::Fail)
    }

    fn is_unknown(&self) -> bool {
        self.completion.is_none_or(|done| done.kind == Kind::Info)
    }
}

/// Requests with the same id, which may take effect once.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests<'a>(pub Vec<Attempt<'a>>);

impl Requests<'_> {
    /// The invocation of the first attempt that may have taken effect.
    pub fn possible_from(&self) -> Option<Moment> {
        let possible = self.0.iter().filter(|attempt| !attempt.is_refused());
        possible.map(Attempt::invoked).min()
    }

    /// The completion of the first attempt that was answered.
    pub fn answered_at(&self) -> Option<Moment> {
        let answers = self.0.iter().filter_map(Attempt::answer);
        answers.map(|answer| answer.index).min()
    }

    pub fn are_repeated(&self) -> bool {
        self.0.len() > 1
    }

    /// Whether an attempt may take effect at any time, even after the end.
    pub fn are_unknown(&self) -> bool {
        self.0.iter().any(Attempt::is_unknown)
    }
}

/// A line of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub product: &'a str,
    pub quantity: i64,
}

/// An answer that shows how an order was decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence<'a> {
    pub decision: Decision,
    pub completion: &'a Operation,
}

/// An order.
#[derive(Clone, Debug, Default)]
pub(super) struct Order<'a> {
    pub lines: Vec<Line<'a>>,
    pub requests: Requests<'a>,
    /// In the order of completion.
    pub evidence: Vec<Evidence<'a>>,
    /// The ids of the payments that were sent for it.
    pub payments: Vec<&'a str>,
    pub statuses: Vec<Attempt<'a>>,
}

impl Order<'_> {
    /// The first completion that shows this decision.
    pub fn decided(&self, decision: Decision) -> Option<&Evidence<'_>> {
        self.evidence
            .iter()
            .find(|evidence| evidence.decision == decision)
    }

    pub fn decided_as(&self, decision: Decision) -> Option<Moment> {
        self.decided(decision).map(|found| found.completion.index)
    }

    /// Whether the order may have been accepted at all.
    pub fn may_be_accepted(&self) -> bool {
        self.decided(Decision::Rejected).is_none()
            && (self.requests.possible_from().is_some()
                || self.decided(Decision::Accepted).is_some())
    }
}

/// A restock.
#[derive(Clone, Debug)]
pub(super) struct Restock<'a> {
    pub product: &'a str,
    pub quantity: i64,
    pub requests: Requests<'a>,
}

/// A payment.
#[derive(Clone, Debug)]
pub(super) struct Payment<'a> {
    pub order: &'a str,
    pub requests: Requests<'a>,
}

/// A read that was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    pub invocation: &'a Operation,
    pub completion: &'a Operation,
}

impl<'a> Reading<'a> {
    pub fn number(&self, name: &str) -> i64 {
        number(&self.completion.value, name)
    }

    pub fn node(&self) -> &'a str {
        text(&self.completion.value, "node")
    }
}

/// Everything that happened, by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger<'a> {
    pub orders: BTreeMap<&'a str, Order<'a>>,
    pub restocks: BTreeMap<&'a str, Restock<'a>>,
    pub payments: BTreeMap<&'a str, Payment<'a>>,
    /// Per product the readings of its stock.
    pub stocks: BTreeMap<&'a str, Vec<Reading<'a>>>,
    /// Per product the readings of its statistics.
    pub statistics: BTreeMap<&'a str, Vec<Reading<'a>>>,
}

impl<'a> Ledger<'a> {
    pub fn of(history: &'a History) -> Ledger<'a> {
        let mut ledger = Ledger::default();
        for (invocation, completion) in history.pairs() {
            ledger.book(Attempt {
                invocation,
                completion,
            });
        }
        for order in ledger.orders.values_mut() {
            order.evidence.sort_by_key(|found| found.completion.index);
        }
        ledger
    }

    fn book(&mut self, attempt: Attempt<'a>) {
        let value = &attempt.invocation.value;
        let reading = attempt.answer().map(|completion| Reading {
            invocation: attempt.invocation,
            completion,
        });
        match &*attempt.invocation.f {
            "restock" => {
                let restock = Restock {
                    product: text(value, "product"),
                    quantity: number(value, "quantity"),
                    requests: Requests::default(),
                };
                let id = text(value, "restock");
                let booked = self.restocks.entry(id).or_insert(restock);
                booked.requests.0.push(attempt);
            }
            "order" => {
                let order = self.orders.entry(text(value, "order")).or_default();
                if order.lines.is_empty() {
                    order.lines = lines(value);
                }
                order.requests.0.push(attempt);
                let decision = match attempt.answer().map(|done| text(&done.value, "status")) {
                    Some("accepted") => Some(Decision::Accepted),
                    Some("rejected") => Some(Decision::Rejected),
                    _ => None,
                };
                order.prove(decision, attempt);
            }
            "pay" => self.book_payment(attempt),
            "status" => {
                let order = self.orders.entry(text(value, "order")).or_default();
                order.statuses.push(attempt);
                let decision = match attempt.answer().map(|done| text(&done.value, "status")) {
                    Some("accepted" | "paid") => Some(Decision::Accepted),
                    Some("rejected") => Some(Decision::Rejected),
                    _ => None,
                };
                order.prove(decision, attempt);
            }
            "stock" => {
                let readings = self.stocks.entry(text(value, "product")).or_default();
                readings.extend(reading);
            }
            "statistics" => {
                let readings = self.statistics.entry(text(value, "product")).or_default();
                readings.extend(reading);
            }
            _ => {}
        }
    }

    fn book_payment(&mut self, attempt: Attempt<'a>) {
        let value = &attempt.invocation.value;
        let (id, order_id) = (text(value, "payment"), text(value, "order"));
        let payment = self.payments.entry(id).or_insert_with(|| Payment {
            order: order_id,
            requests: Requests::default(),
        });
        payment.requests.0.push(attempt);
        let order = self.orders.entry(order_id).or_default();
        if !order.payments.contains(&id) {
            order.payments.push(id);
        }
        let paid = attempt.answer().is_some_and(|done| status(done) == "paid");
        order.prove(paid.then_some(Decision::Accepted), attempt);
    }

    /// The products that are mentioned anywhere.
    pub fn products(&self) -> std::collections::BTreeSet<&'a str> {
        let ordered = self.orders.values().flat_map(|order| &order.lines);
        let restocked = self.restocks.values().map(|restock| restock.product);
        let read = self.stocks.keys().chain(self.statistics.keys()).copied();
        ordered
            .map(|line| line.product)
            .chain(restocked)
            .chain(read)
            .collect()
    }
}

impl<'a> Order<'a> {
    fn prove(&mut self, decision: Option<Decision>, attempt: Attempt<'a>) {
        if let (Some(decision), Some(completion)) = (decision, attempt.completion) {
            self.evidence.push(Evidence {
                decision,
                completion,
            });
        }
    }
}

/// The status that an answer states.
pub(super) fn status(answer: &Operation) -> &str {
    text(&answer.value, "status")
}

/// The text under a key; empty if there is none.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, name: &str) -> i64 {
    value.get(name).and_then(Value::as_int).unwrap_or_default()
}

fn lines(value: &Value) -> Vec<Line<'_>> {
    let lines = value.get("lines").and_then(Value::as_seq);
    let lines = lines.unwrap_or_default().iter();
    lines
        .filter_map(|line| match line.as_seq() {
            Some([product, quantity]) => Some(Line {
                product: product.as_str()?,
                quantity: quantity.as_int()?,
            }),
            _ => None,
        })
        .collect()
}
