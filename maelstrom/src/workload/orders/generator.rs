//! The main phase: orders, payments, restocks and reads, some of them repeated.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_distr::{Distribution, Zipf};

use super::product;
use crate::edn::Value;
use crate::generator::{Generator, Invocation, Next, Turn};
use crate::history::{Kind, Operation};
use crate::seed::ChaCha8Rng;
use crate::workload::Settings;

/// One operation in so many repeats an earlier one.
const OPERATIONS_PER_REPEAT: u32 = 10;
/// Three repeats of four are of operations with an unknown outcome, where there are any.
const UNKNOWN_REPEATS: f64 = 0.75;
/// One payment in so many comes before its order.
const PAYMENTS_PER_EARLY_ONE: u32 = 3;
/// The exponent of Zipf's law for the popularity of products.
const ZIPF_EXPONENT: f64 = 1.0;
/// A line asks for up to so many pieces.
const QUANTITY_MAX: u64 = 5;
/// Orders that can still be paid; older ones are forgotten.
const UNPAID_MAX: usize = 1000;
/// Operations that can still be repeated; older ones are forgotten.
const REPEATABLE_MAX: usize = 200;

/// The ids of all orders that were sent, for the final phase.
pub(super) type Shared = Rc<RefCell<Vec<String>>>;

/// The operations of the main phase, each at the next free thread.
pub(super) struct Traffic {
    nodes: Vec<String>,
    popularity: Zipf<f64>,
    max_lines: usize,
    next_restock: u64,
    next_order: u64,
    next_payment: u64,
    /// Orders that were sent, and perhaps not yet paid.
    unpaid: VecDeque<String>,
    /// Orders whose payment was sent first.
    paid_early: VecDeque<String>,
    /// What can be repeated, by whether the outcome of an attempt is unknown.
    answered: VecDeque<Invocation>,
    unanswered: VecDeque<Invocation>,
    orders: Shared,
}

impl Traffic {
    pub fn new(settings: &Settings, orders: Shared) -> Traffic {
        let products: u64 = settings.options.get("products");
        Traffic {
            nodes: settings.nodes.clone(),
            popularity: Zipf::new(products as f64, ZIPF_EXPONENT).expect("there are products"),
            max_lines: settings.options.get("max-lines"),
            next_restock: 0,
            next_order: 0,
            next_payment: 0,
            unpaid: VecDeque::new(),
            paid_early: VecDeque::new(),
            answered: VecDeque::new(),
            unanswered: VecDeque::new(),
            orders,
        }
    }

    fn product(&self, rng: &mut ChaCha8Rng) -> String {
        product(self.popularity.sample(rng) as u64 - 1)
    }

    fn draw(&mut self, rng: &mut ChaCha8Rng) -> Invocation {
        if rng.random_ratio(1, OPERATIONS_PER_REPEAT)
            && let Some(again) = self.repeat(rng)
        {
            return again;
        }
        match rng.random_range(0..100) {
            0..55 => self.order(rng),
            55..75 => self.pay(rng),
            75..80 => self.restock(rng),
            _ => self.read(rng),
        }
    }

    fn repeat(&self, rng: &mut ChaCha8Rng) -> Option<Invocation> {
        let unknown = rng.random_bool(UNKNOWN_REPEATS) && !self.unanswered.is_empty();
        let from = if unknown {
            &self.unanswered
        } else {
            &self.answered
        };
        let index = (!from.is_empty()).then(|| rng.random_range(0..from.len()))?;
        Some(from[index].clone())
    }

    fn order(&mut self, rng: &mut ChaCha8Rng) -> Invocation {
        let id = match self.paid_early.pop_front() {
            Some(id) => id,
            None => {
                let id = self.fresh_order();
                remember(&mut self.unpaid, id.clone(), UNPAID_MAX);
                id
            }
        };
        let mut lines: Vec<(String, u64)> = Vec::new();
        for _ in 0..rng.random_range(1..=self.max_lines) {
            let product = self.product(rng);
            if lines.iter().all(|(other, _)| *other != product) {
                lines.push((product, rng.random_range(1..=QUANTITY_MAX)));
            }
        }
        let lines = lines
            .into_iter()
            .map(|(product, quantity)| Value::Vector([product.into(), quantity.into()].into()));
        Invocation::new(
            "order",
            Value::map([("order", id.into()), ("lines", Value::vector(lines))]),
        )
    }

    fn fresh_order(&mut self) -> String {
        let id = format!("o{}", self.next_order);
        self.next_order += 1;
        self.orders.borrow_mut().push(id.clone());
        id
    }

    /// A payment of an order that was sent, or of one that is yet to be sent.
    fn pay(&mut self, rng: &mut ChaCha8Rng) -> Invocation {
        let early = rng.random_ratio(1, PAYMENTS_PER_EARLY_ONE) || self.unpaid.is_empty();
        let order = if early {
            let id = self.fresh_order();
            self.paid_early.push_back(id.clone());
            id
        } else {
            // An order that is paid twice shows whether one payment only takes effect.
            let index = rng.random_range(0..self.unpaid.len());
            self.unpaid[index].clone()
        };
        let payment = format!("y{}", self.next_payment);
        self.next_payment += 1;
        Invocation::new(
            "pay",
            Value::map([
                ("order", order.into()),
                ("payment", payment.into()),
                ("amount", rng.random_range(1..=100u64).into()),
            ]),
        )
    }

    /// A restock. Each order asks for 3 pieces a line on average and there are eleven orders for a
    /// restock, so 30 to 60 pieces meet most orders and not all.
    fn restock(&mut self, rng: &mut ChaCha8Rng) -> Invocation {
        let id = format!("r{}", self.next_restock);
        self.next_restock += 1;
        Invocation::new(
            "restock",
            Value::map([
                ("restock", id.into()),
                ("product", self.product(rng).into()),
                ("quantity", rng.random_range(30..=60u64).into()),
            ]),
        )
    }

    fn read(&mut self, rng: &mut ChaCha8Rng) -> Invocation {
        let orders = self.orders.borrow();
        let recent = &orders[orders.len().saturating_sub(UNPAID_MAX)..];
        match (rng.random_range(0..4), recent.choose(rng)) {
            (0 | 1, Some(order)) => {
                Invocation::new("status", Value::map([("order", order.as_str().into())]))
            }
            (3, _) => Invocation::new(
                "statistics",
                Value::map([("product", self.product(rng).into())]),
            ),
            _ => Invocation::new("stock", Value::map([("product", self.product(rng).into())])),
        }
    }
}

impl Generator for Traffic {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        let Some(thread) = turn.threads.next_free() else {
            return Next::Wait(None);
        };
        let invocation = self.draw(turn.rng);
        Next::Invoke {
            thread,
            at: turn.now,
            invocation: at_node(invocation, thread, &self.nodes),
        }
    }

    fn observe(&mut self, operation: &Operation) {
        if operation.kind == Kind::Invoke || !matches!(&*operation.f, "order" | "pay" | "restock") {
            return;
        }
        let again = Invocation::new(operation.f.clone(), request_of(operation));
        match operation.kind {
            Kind::Info => remember(&mut self.unanswered, again, REPEATABLE_MAX),
            _ => remember(&mut self.answered, again, REPEATABLE_MAX),
        }
    }
}

/// Adds to what is remembered, at the cost of the oldest entry if there are too many.
fn remember<T>(queue: &mut VecDeque<T>, item: T, max: usize) {
    if queue.len() == max {
        queue.pop_front();
    }
    queue.push_back(item);
}

/// The operation as thread `thread` performs it: the history says which node was asked.
pub(super) fn at_node(mut invocation: Invocation, thread: usize, nodes: &[String]) -> Invocation {
    if let Value::Map(entries) = &mut invocation.value {
        let node = nodes[thread % nodes.len()].as_str();
        entries.insert(Value::keyword("node"), node.into());
    }
    invocation
}

/// The request of an operation, without what was answered.
fn request_of(operation: &Operation) -> Value {
    let mut value = operation.value.clone();
    if let Value::Map(entries) = &mut value {
        entries.remove(&Value::keyword("status"));
        entries.remove(&Value::keyword("node"));
    }
    value
}
