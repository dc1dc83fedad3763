//! What a shard stores under the id of a request, and under which key.

use serde::{Deserialize, Serialize};

use super::Command;

/// What a shard stores under the id of a restock, which is nothing else, or of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What the shard did for an order that takes products from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<Part>,
    /// The order, if this is its home shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) order: Option<Order>,
}

impl Record {
    /// Returns the order, if the record is that of its home shard.
    pub fn into_order(self) -> Option<Order> {
        self.order
    }
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
pub(super) enum Part {
    Reserved,
    Refused,
    Sold,
    Released,
}

impl Command {
    /// Returns the key of the only record that the command reads and changes. There is no record of a
    /// node that joins.
    pub fn key(&self) -> String {
        match self {
            Self::Restock { restock, .. } => restock_key(restock),
            Self::Join { node } => ["node/", node].concat(),
            Self::Begin(form) | Self::Reserve(form) => order_key(&form.order),
            Self::Settle { order, .. } | Self::Decide { order, .. } | Self::Pay { order, .. } => {
                order_key(order)
            }
        }
    }
}

/// Start of the keys of orders. Restocks have other keys, since the ids may be the same.
const ORDER: &str = "order/";

/// Returns the key of an order.
pub fn order_key(order: &str) -> String {
    [ORDER, order].concat()
}

pub(super) fn restock_key(restock: &str) -> String {
    ["restock/", restock].concat()
}

/// Returns the id of the order that has this key.
pub(super) fn order_of(key: &str) -> Option<&str> {
    key.strip_prefix(ORDER)
}
