//! The state of a shard and what each command does to it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::{Command, OrderForm, Output, PaymentStatus, Quantities, ShardId};

/// A product: its stock and what was sold of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Pieces restocked minus pieces sold.
    pub stock: u64,
    /// Pieces of the stock that undecided orders hold.
    pub reserved: u64,
    /// Number of accepted orders.
    pub orders: u64,
    /// Number of pieces sold.
    pub sold: u64,
}

/// An order at its home shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The decision, once the order is settled at all shards.
    pub accepted: Option<bool>,
    /// Payments in order of arrival. The first one pays an accepted order.
    pub payments: Vec<String>,
}

/// What a shard did for an order that takes products from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    Reserved,
    Refused,
    Sold,
    Released,
}

/// The state of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    id: ShardId,
    products: BTreeMap<String, Product>,
    restocks: BTreeSet<String>,
    parts: BTreeMap<String, Part>,
    /// Orders of which this is the home shard.
    orders: BTreeMap<String, Order>,
    /// Orders that are not brought to their end: at the home shard until they are decided, at
    /// another shard until it has settled its part.
    open: BTreeMap<String, Rc<OrderForm>>,
}

impl Shard {
    /// Creates a shard without products.
    pub fn new(id: ShardId) -> Self {
        Self {
            id,
            ..Self::default()
        }
    }

    /// Applies a command and returns its outcome.
    pub fn apply(&mut self, command: &Command) -> Output {
        match command {
            Command::Restock {
                restock,
                product,
                quantity,
            } => {
                if self.restocks.insert(restock.clone()) {
                    self.products.entry(product.clone()).or_default().stock += quantity;
                }
                Output::Done
            }
            Command::Begin(form) => self.begin(form),
            Command::Reserve(form) => Output::Reserved(self.reserve(form)),
            Command::Settle { order, accepted } => {
                self.settle(order, *accepted);
                Output::Done
            }
            Command::Decide { order, accepted } => {
                self.decide(order, *accepted);
                Output::Done
            }
            Command::Pay { order, payment } => self.pay(order, payment),
        }
    }

    /// Returns a product; one that was never restocked has nothing.
    pub fn product(&self, product: &str) -> Product {
        self.products.get(product).copied().unwrap_or_default()
    }

    /// Returns all products that were ever restocked, by name.
    pub fn products(&self) -> impl Iterator<Item = (&String, &Product)> {
        self.products.iter()
    }

    /// Returns an order of this home shard.
    pub fn order(&self, order: &str) -> Option<&Order> {
        self.orders.get(order)
    }

    /// Returns an order that is not brought to its end, as far as this shard knows.
    pub fn open_order(&self, order: &str) -> Option<&Rc<OrderForm>> {
        self.open.get(order)
    }

    /// Returns all orders that are not brought to their end, as far as this shard knows.
    pub fn open_orders(&self) -> impl Iterator<Item = &Rc<OrderForm>> {
        self.open.values()
    }

    fn begin(&mut self, form: &Rc<OrderForm>) -> Output {
        let order = self.orders.entry(form.order.clone()).or_default();
        if let Some(accepted) = order.accepted {
            return Output::Decided(accepted);
        }
        let is_reserved = !form.parts.contains_key(&self.id) || self.reserve(form);
        if form.parts.keys().all(|shard| *shard == self.id) {
            self.decide(&form.order, is_reserved);
            return Output::Decided(is_reserved);
        }
        self.open.insert(form.order.clone(), Rc::clone(form));
        Output::Reserved(is_reserved)
    }

    fn reserve(&mut self, form: &Rc<OrderForm>) -> bool {
        if let Some(part) = self.parts.get(&form.order) {
            return matches!(part, Part::Reserved | Part::Sold);
        }
        let none = Quantities::new();
        let quantities = form.parts.get(&self.id).unwrap_or(&none);
        let is_available = quantities.iter().all(|(product, quantity)| {
            let product = self.product(product);
            product.stock - product.reserved >= *quantity
        });
        if !is_available {
            self.parts.insert(form.order.clone(), Part::Refused);
            return false;
        }
        for (product, quantity) in quantities {
            let product = self.products.entry(product.clone()).or_default();
            product.reserved += quantity;
        }
        self.parts.insert(form.order.clone(), Part::Reserved);
        if !form.spans_shards() {
            self.release(form, true);
        }
        // The home shard may not know the order yet, so this shard makes sure that it learns of it.
        self.open.insert(form.order.clone(), Rc::clone(form));
        true
    }

    fn settle(&mut self, order: &str, accepted: bool) {
        let form = self.open.get(order).cloned();
        match (self.parts.get(order), &form) {
            (Some(Part::Reserved), Some(form)) => self.release(form, accepted),
            // The order is released before its reservation arrives, which must then be refused.
            (None, _) if !accepted => {
                self.parts.insert(order.to_owned(), Part::Released);
            }
            _ => {}
        }
        if form.is_some_and(|form| form.home != self.id) {
            self.open.remove(order);
        }
    }

    /// Ends a reservation, by a sale or without one.
    fn release(&mut self, form: &OrderForm, is_sale: bool) {
        for (product, quantity) in form.parts.get(&self.id).into_iter().flatten() {
            let product = self.products.entry(product.clone()).or_default();
            product.reserved -= quantity;
            if is_sale {
                product.stock -= quantity;
                product.sold += quantity;
                product.orders += 1;
            }
        }
        let part = match is_sale {
            true => Part::Sold,
            false => Part::Released,
        };
        self.parts.insert(form.order.clone(), part);
    }

    fn decide(&mut self, order: &str, accepted: bool) {
        self.open.remove(order);
        let order = self.orders.entry(order.to_owned()).or_default();
        order.accepted.get_or_insert(accepted);
    }

    fn pay(&mut self, id: &str, payment: &str) -> Output {
        let order = self.orders.entry(id.to_owned()).or_default();
        if !order.payments.iter().any(|known| known == payment) {
            order.payments.push(payment.to_owned());
        }
        let is_first = order.payments.first().is_some_and(|first| first == payment);
        Output::Payment(match order.accepted {
            None if self.open.contains_key(id) => return Output::Undecided,
            None => PaymentStatus::Held,
            Some(true) if is_first => PaymentStatus::Paid,
            Some(_) => PaymentStatus::Refunded,
        })
    }
}
