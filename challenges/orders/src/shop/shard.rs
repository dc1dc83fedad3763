//! The state of a shard and what each command does to it.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::record::{Part, order_key, order_of, restock_key};
use super::{Command, Order, OrderForm, Output, PaymentStatus, Record, ShardId};

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

/// The state of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    id: ShardId,
    products: BTreeMap<String, Product>,
    /// What is stored under the ids of requests, by key. The owner may take records out that no
    /// command needs ([`evict`](Self::evict)).
    records: BTreeMap<String, Record>,
    /// Orders that are not brought to their end: at the home shard until they are decided, at
    /// another shard until it has settled its part.
    open: BTreeMap<String, Rc<OrderForm>>,
    /// Nodes that have joined, in the order in which they did. Empty in most shards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    joined: Vec<String>,
}

impl Shard {
    /// Creates a shard without products.
    pub fn new(id: ShardId) -> Self {
        Self {
            id,
            ..Self::default()
        }
    }

    /// Applies a command and returns its outcome. If a record of the command's [key](Command::key)
    /// was taken out before, it must have been [restored](Self::restore).
    pub fn apply(&mut self, command: &Command) -> Output {
        match command {
            Command::Restock {
                restock,
                product,
                quantity,
            } => {
                let key = restock_key(restock);
                if self.records.insert(key, Record::default()).is_none() {
                    self.products.entry(product.clone()).or_default().stock += quantity;
                }
                Output::Done
            }
            Command::Join { node } => {
                if !self.joined.contains(node) {
                    self.joined.push(node.clone());
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

    /// Returns the nodes that have joined, in the order in which they did.
    pub fn joined(&self) -> &[String] {
        &self.joined
    }

    /// Returns an order of this home shard.
    pub fn order(&self, order: &str) -> Option<&Order> {
        self.records.get(&order_key(order))?.order.as_ref()
    }

    /// Returns whether the shard has a record of this key in memory.
    pub fn holds(&self, key: &str) -> bool {
        self.records.contains_key(key)
    }

    /// Returns the number of records in memory.
    pub fn record_count(&self) -> usize {
        self.records.len()
    }

    /// Returns the records in memory that may be taken out, with their keys: all but those of orders
    /// that are not brought to their end.
    pub fn closed_records(&self) -> impl Iterator<Item = (&String, &Record)> {
        let is_open = |key: &str| order_of(key).is_some_and(|order| self.open.contains_key(order));
        self.records.iter().filter(move |(key, _)| !is_open(key))
    }

    /// Takes a record out of memory. The owner keeps it and puts it back before a command needs it.
    pub fn evict(&mut self, key: &str) -> Option<Record> {
        self.records.remove(key)
    }

    /// Puts a record back that was taken out.
    pub fn restore(&mut self, key: String, record: Record) {
        self.records.insert(key, record);
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
        let order = self.order_mut(&form.order);
        if let Some(accepted) = order.accepted {
            return Output::Decided(accepted);
        }
        let is_reserved = form.part(self.id).is_none() || self.reserve(form);
        if form.shards().all(|shard| shard == self.id) {
            self.decide(&form.order, is_reserved);
            return Output::Decided(is_reserved);
        }
        self.open.insert(form.order.clone(), Rc::clone(form));
        Output::Reserved(is_reserved)
    }

    fn reserve(&mut self, form: &Rc<OrderForm>) -> bool {
        if let Some(part) = self.part(&form.order) {
            return matches!(part, Part::Reserved | Part::Sold);
        }
        let quantities = || form.part(self.id).into_iter().flatten();
        let is_available = quantities().all(|(product, quantity)| {
            let product = self.product(product);
            product.stock - product.reserved >= *quantity
        });
        if !is_available {
            self.set_part(&form.order, Part::Refused);
            return false;
        }
        for (product, quantity) in quantities() {
            let product = self.products.entry(product.clone()).or_default();
            product.reserved += quantity;
        }
        self.set_part(&form.order, Part::Reserved);
        if !form.spans_shards() {
            self.release(form, true);
        }
        // The home shard may not know the order yet, so this shard makes sure that it learns of it.
        self.open.insert(form.order.clone(), Rc::clone(form));
        true
    }

    fn settle(&mut self, order: &str, accepted: bool) {
        let form = self.open.get(order).cloned();
        match (self.part(order), &form) {
            (Some(Part::Reserved), Some(form)) => self.release(form, accepted),
            // The order is released before its reservation arrives, which must then be refused.
            (None, _) if !accepted => self.set_part(order, Part::Released),
            _ => {}
        }
        if form.is_some_and(|form| form.home != self.id) {
            self.open.remove(order);
        }
    }

    /// Ends a reservation, by a sale or without one.
    fn release(&mut self, form: &OrderForm, is_sale: bool) {
        for (product, quantity) in form.part(self.id).into_iter().flatten() {
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
        self.set_part(&form.order, part);
    }

    fn decide(&mut self, order: &str, accepted: bool) {
        self.open.remove(order);
        let order = self.order_mut(order);
        order.accepted.get_or_insert(accepted);
    }

    fn pay(&mut self, id: &str, payment: &str) -> Output {
        let is_open = self.open.contains_key(id);
        let order = self.order_mut(id);
        if !order.payments.iter().any(|known| known == payment) {
            order.payments.push(payment.to_owned());
        }
        let is_first = order.payments.first().is_some_and(|first| first == payment);
        Output::Payment(match order.accepted {
            None if is_open => return Output::Undecided,
            None => PaymentStatus::Held,
            Some(true) if is_first => PaymentStatus::Paid,
            Some(_) => PaymentStatus::Refunded,
        })
    }

    fn part(&self, order: &str) -> Option<Part> {
        self.records.get(&order_key(order))?.part
    }

    fn set_part(&mut self, order: &str, part: Part) {
        let record = self.records.entry(order_key(order)).or_default();
        record.part = Some(part);
    }

    /// Returns an order of this home shard, which may be new.
    fn order_mut(&mut self, order: &str) -> &mut Order {
        let record = self.records.entry(order_key(order)).or_default();
        record.order.get_or_insert_default()
    }
}
