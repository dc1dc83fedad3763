//! The state machine of one shard: products, orders and payments.
//!
//! It does no I/O and depends only on the commands. Every command carries the id of what it changes,
//! and the outcome stays with that id, so that applying a command again changes nothing and returns
//! the same outcome. A node may therefore repeat any command whose outcome it does not know.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Number of a shard, from 0 on.
pub type ShardId = u32;

/// Pieces of each product.
pub type Quantities = BTreeMap<String, u64>;

/// A change to a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Adds pieces of a product, once for each restock id.
    Restock {
        /// Id of the restock.
        restock: String,
        /// Product that arrives.
        product: String,
        /// Number of pieces.
        quantity: u64,
    },
    /// Registers an order at its home shard. An order whose products all belong to the home shard is
    /// decided at once.
    Begin {
        /// Id of the order.
        order: String,
        /// The home shard.
        home: ShardId,
        /// What the order takes from each shard.
        #[serde(with = "pairs")]
        parts: BTreeMap<ShardId, Quantities>,
    },
    /// Reserves an order's products of this shard, all or none.
    Reserve {
        /// Id of the order.
        order: String,
        /// Pieces of each product.
        quantities: Quantities,
        /// True if this shard holds all products of the order: the reservation is a sale.
        sell: bool,
    },
    /// Records the decision at the order's home shard. The first decision counts.
    Decide {
        /// Id of the order.
        order: String,
        /// True if the order is accepted.
        accepted: bool,
    },
    /// Turns a reservation into a sale, or gives the pieces back.
    Settle {
        /// Id of the order.
        order: String,
        /// True if the order is accepted.
        accepted: bool,
    },
    /// Notes at the home shard that all shards have settled the order.
    Finish {
        /// Id of the order.
        order: String,
    },
    /// Pays an order, at its home shard.
    Pay {
        /// Id of the order.
        order: String,
        /// Id of the payment.
        payment: String,
    },
}

/// Parts of an order as a list of pairs. An enum with `#[serde(tag = "type")]` buffers its fields, and
/// the buffer refuses numbers as the keys of a map.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Quantities, ShardId};

    type Parts = BTreeMap<ShardId, Quantities>;

    pub(super) fn serialize<S: Serializer>(parts: &Parts, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(parts)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Parts, D::Error> {
        let pairs = Vec::<(ShardId, Quantities)>::deserialize(from)?;
        Ok(pairs.into_iter().collect())
    }
}

impl raft::Command for Command {
    fn size_bytes(&self) -> usize {
        let quantities = |quantities: &Quantities| 24 * quantities.len();
        match self {
            Self::Begin { parts, .. } => 64 + parts.values().map(quantities).sum::<usize>(),
            Self::Reserve { quantities: it, .. } => 64 + quantities(it),
            _ => 64,
        }
    }
}

/// The outcome of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The change is made.
    Done,
    /// Whether the shard holds what the order asks for.
    Reserved(bool),
    /// The state of the payment.
    Payment(PaymentStatus),
}

/// The state of a payment. `Paid` and `Refunded` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// The payment pays the order.
    Paid,
    /// The order is not decided yet.
    Held,
    /// The order was rejected, or another payment pays it.
    Refunded,
}

/// A product: its stock and what was sold of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The decision, once there is one.
    pub accepted: Option<bool>,
    /// Payments in order of arrival. The first one pays an accepted order.
    pub payments: Vec<String>,
}

/// What a shard did for an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    Reserved(Quantities),
    Refused,
    Sold,
    Released,
}

/// The state of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    products: BTreeMap<String, Product>,
    restocks: BTreeSet<String>,
    parts: BTreeMap<String, Part>,
    orders: BTreeMap<String, Order>,
    /// Orders of this home shard that are not settled everywhere yet.
    unsettled: BTreeMap<String, BTreeMap<ShardId, Quantities>>,
}

impl Shard {
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
            }
            Command::Begin { order, home, parts } => self.begin(order, *home, parts),
            Command::Reserve {
                order,
                quantities,
                sell,
            } => return Output::Reserved(self.reserve(order, quantities, *sell)),
            Command::Decide { order, accepted } => {
                let order = self.orders.entry(order.clone()).or_default();
                order.accepted.get_or_insert(*accepted);
            }
            Command::Settle { order, accepted } => self.settle(order, *accepted),
            Command::Finish { order } => {
                self.unsettled.remove(order);
            }
            Command::Pay { order, payment } => return Output::Payment(self.pay(order, payment)),
        }
        Output::Done
    }

    /// Returns a product; one that was never restocked has nothing.
    pub fn product(&self, product: &str) -> Product {
        self.products.get(product).cloned().unwrap_or_default()
    }

    /// Returns an order of this home shard.
    pub fn order(&self, order: &str) -> Option<&Order> {
        self.orders.get(order)
    }

    /// Returns what an order takes from each shard, if it is not settled everywhere yet.
    pub fn unsettled(&self, order: &str) -> Option<&BTreeMap<ShardId, Quantities>> {
        self.unsettled.get(order)
    }

    /// Returns the orders of this home shard that are not settled everywhere yet.
    pub fn all_unsettled(&self) -> impl Iterator<Item = &String> {
        self.unsettled.keys()
    }

    fn begin(&mut self, id: &str, home: ShardId, parts: &BTreeMap<ShardId, Quantities>) {
        let known = self.orders.get(id).is_some_and(|it| it.accepted.is_some());
        if known || self.unsettled.contains_key(id) {
            return;
        }
        let is_local = parts.keys().all(|shard| *shard == home);
        if !is_local {
            self.unsettled.insert(id.to_owned(), parts.clone());
            return;
        }
        let quantities = parts.get(&home).cloned().unwrap_or_default();
        let accepted = self.reserve(id, &quantities, true);
        let order = self.orders.entry(id.to_owned()).or_default();
        order.accepted = Some(accepted);
    }

    fn reserve(&mut self, order: &str, quantities: &Quantities, sell: bool) -> bool {
        if let Some(part) = self.parts.get(order) {
            return matches!(part, Part::Reserved(_) | Part::Sold);
        }
        let is_available = quantities.iter().all(|(product, quantity)| {
            let product = self.product(product);
            product.stock - product.reserved >= *quantity
        });
        let part = match is_available {
            true => Part::Reserved(quantities.clone()),
            false => Part::Refused,
        };
        self.parts.insert(order.to_owned(), part);
        if is_available {
            for (product, quantity) in quantities {
                self.products.entry(product.clone()).or_default().reserved += quantity;
            }
            if sell {
                self.settle(order, true);
            }
        }
        is_available
    }

    fn settle(&mut self, order: &str, accepted: bool) {
        let settled = match accepted {
            true => Part::Sold,
            false => Part::Released,
        };
        // An order may be released before its reservation arrives, which must then be refused.
        let part = self.parts.get(order);
        match part.cloned() {
            Some(Part::Reserved(quantities)) => {
                for (product, quantity) in quantities {
                    let product = self.products.entry(product).or_default();
                    product.reserved -= quantity;
                    if accepted {
                        product.stock -= quantity;
                        product.sold += quantity;
                        product.orders += 1;
                    }
                }
            }
            None if !accepted => {}
            _ => return,
        }
        self.parts.insert(order.to_owned(), settled);
    }

    fn pay(&mut self, order: &str, payment: &str) -> PaymentStatus {
        let order = self.orders.entry(order.to_owned()).or_default();
        if !order.payments.iter().any(|known| known == payment) {
            order.payments.push(payment.to_owned());
        }
        let is_first = order.payments.first().is_some_and(|first| first == payment);
        match order.accepted {
            None => PaymentStatus::Held,
            Some(true) if is_first => PaymentStatus::Paid,
            Some(_) => PaymentStatus::Refunded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantities(lines: &[(&str, u64)]) -> Quantities {
        let line = |(product, quantity): &(&str, u64)| ((*product).to_owned(), *quantity);
        lines.iter().map(line).collect()
    }

    fn restock(shard: &mut Shard, restock: &str, quantity: u64) {
        let (restock, product) = (restock.to_owned(), "p".to_owned());
        shard.apply(&Command::Restock {
            restock,
            product,
            quantity,
        });
    }

    fn reserve(shard: &mut Shard, order: &str, quantity: u64) -> bool {
        let output = shard.apply(&Command::Reserve {
            order: order.into(),
            quantities: quantities(&[("p", quantity)]),
            sell: false,
        });
        output == Output::Reserved(true)
    }

    fn settle(shard: &mut Shard, order: &str, accepted: bool) {
        let order = order.into();
        shard.apply(&Command::Settle { order, accepted });
    }

    fn pay(shard: &mut Shard, payment: &str) -> Output {
        let (order, payment) = ("o".into(), payment.into());
        shard.apply(&Command::Pay { order, payment })
    }

    #[test]
    fn repeated_restock_counts_once() {
        let mut shard = Shard::default();
        restock(&mut shard, "r1", 5);
        restock(&mut shard, "r1", 5);
        assert_eq!(shard.product("p").stock, 5);
    }

    #[test]
    fn reservation_does_not_show_in_stock_but_cannot_be_taken_again() {
        let mut shard = Shard::default();
        restock(&mut shard, "r1", 5);
        assert!(reserve(&mut shard, "o1", 3));
        assert_eq!(shard.product("p").stock, 5);
        assert!(!reserve(&mut shard, "o2", 3));
        settle(&mut shard, "o1", true);
        settle(&mut shard, "o1", true);
        let product = shard.product("p");
        assert_eq!((product.stock, product.reserved), (2, 0));
        assert_eq!((product.orders, product.sold), (1, 3));
    }

    #[test]
    fn refusal_is_final_even_after_restock() {
        let mut shard = Shard::default();
        assert!(!reserve(&mut shard, "o1", 3));
        restock(&mut shard, "r1", 5);
        assert!(!reserve(&mut shard, "o1", 3));
    }

    #[test]
    fn reservation_that_arrives_after_its_release_is_refused() {
        let mut shard = Shard::default();
        restock(&mut shard, "r1", 5);
        settle(&mut shard, "o1", false);
        assert!(!reserve(&mut shard, "o1", 3));
        assert_eq!(shard.product("p").reserved, 0);
    }

    #[test]
    fn first_held_payment_pays_order_once_it_is_accepted() {
        let mut shard = Shard::default();
        assert_eq!(pay(&mut shard, "y1"), Output::Payment(PaymentStatus::Held));
        assert_eq!(pay(&mut shard, "y2"), Output::Payment(PaymentStatus::Held));
        let decide = |accepted| Command::Decide {
            order: "o".into(),
            accepted,
        };
        shard.apply(&decide(true));
        shard.apply(&decide(false));
        assert_eq!(pay(&mut shard, "y1"), Output::Payment(PaymentStatus::Paid));
        let refunded = Output::Payment(PaymentStatus::Refunded);
        assert_eq!(pay(&mut shard, "y2"), refunded);
    }

    #[test]
    fn order_within_its_home_shard_is_decided_by_one_command() {
        let mut shard = Shard::default();
        restock(&mut shard, "r1", 2);
        let begin = |order: &str| Command::Begin {
            order: order.into(),
            home: 3,
            parts: [(3, quantities(&[("p", 2)]))].into(),
        };
        for order in ["o1", "o2", "o1"] {
            shard.apply(&begin(order));
        }
        assert_eq!(shard.order("o1").unwrap().accepted, Some(true));
        assert_eq!(shard.order("o2").unwrap().accepted, Some(false));
        assert_eq!(shard.product("p").stock, 0);
        assert_eq!(shard.all_unsettled().count(), 0);
    }
}
