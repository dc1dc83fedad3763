//! The state machine of one shard: products, orders and payments.
//!
//! It does no I/O and depends only on the commands. Every command carries the id of what it changes,
//! and the outcome stays with that id, so that applying a command again changes nothing and returns
//! the same outcome. A node may therefore repeat any command whose outcome it does not know.
//!
//! Outcomes are kept for all ids that ever were. A shard does not need those in memory that no command
//! asks for: its owner may take them out and put them back, which changes no outcome.

mod record;
mod shard;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use serde::{Deserialize, Serialize};

pub use record::{Order, Record, order_key};
pub use shard::{Product, Shard};

/// Number of a shard, from 0 on.
pub type ShardId = u32;

/// Pieces of each product. Every product occurs once.
pub type Quantities = Box<[(String, u64)]>;

/// An order, with its lines grouped by shard. Any node that has it can bring the order to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderForm {
    /// Id of the order.
    pub order: String,
    /// The shard that the id determines. It stores the decision and the payments.
    pub home: ShardId,
    /// What the order takes from each shard. Every shard occurs once. Slices and not maps, because they
    /// take a quarter of the memory.
    pub parts: Box<[(ShardId, Quantities)]>,
}

impl OrderForm {
    /// Returns whether the products are in several shards, so that they are reserved before they are
    /// sold.
    pub fn spans_shards(&self) -> bool {
        self.parts.len() > 1
    }

    /// Returns the shards from which the order takes something.
    pub fn shards(&self) -> impl Iterator<Item = ShardId> {
        self.parts.iter().map(|(shard, _)| *shard)
    }

    /// Returns what the order takes from a shard, if it takes something.
    pub fn part(&self, shard: ShardId) -> Option<&Quantities> {
        let part = self.parts.iter().find(|(of, _)| *of == shard);
        part.map(|(_, quantities)| quantities)
    }
}

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
    /// Registers an order at its home shard, and reserves what it takes from that shard. An order
    /// without products of other shards is decided at once.
    Begin(Rc<OrderForm>),
    /// Reserves an order's products of this shard, all or none. If the order has no products of
    /// other shards, they are sold at once.
    Reserve(Rc<OrderForm>),
    /// Turns a reservation into a sale, or gives the pieces back.
    Settle {
        /// Id of the order.
        order: String,
        /// True if the order is accepted.
        accepted: bool,
    },
    /// Records the decision at the order's home shard, after all shards have settled the order. The
    /// first decision counts.
    Decide {
        /// Id of the order.
        order: String,
        /// True if the order is accepted.
        accepted: bool,
    },
    /// Adds a node to the list of those that have joined, in the shard that keeps it.
    Join {
        /// Id of the node.
        node: String,
    },
    /// Pays an order, at its home shard.
    Pay {
        /// Id of the order.
        order: String,
        /// Id of the payment.
        payment: String,
    },
}

impl raft::Command for Command {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Begin(form) | Self::Reserve(form) => {
                let lines: usize = form.parts.iter().map(|(_, it)| it.len()).sum();
                96 + 24 * lines
            }
            _ => 64,
        }
    }
}

/// The outcome of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The change is made.
    Done,
    /// Whether this shard holds what the order takes from it.
    Reserved(bool),
    /// The decision of an order that is settled at all shards: true if it is accepted.
    Decided(bool),
    /// The state of the payment.
    Payment(PaymentStatus),
    /// The payment is stored, but its state is open until the order is decided.
    Undecided,
}

/// The state of a payment. `Paid` and `Refunded` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// The payment pays the order.
    Paid,
    /// The order has not arrived yet.
    Held,
    /// The order was rejected, or another payment pays it.
    Refunded,
}
