//! A shop on sharded Raft groups: products have stock, orders take from it, payments come before or
//! after their order, and every node answers everything.
//!
//! A consistent-hash [`Ring`] assigns each product and each order to a shard, and each shard to three
//! nodes, which are a Raft group. [`shop`] is the state machine of a shard. `host` runs the groups of a
//! node with one log file. `sharded` executes requests at the leaders of shards and drives orders
//! that span shards: reserve, decide, settle.

mod host;
mod ring;
mod sharded;
pub mod shop;
mod store;

use std::time::Duration;

use glomers::prelude::*;
use raft::Disk;

pub use ring::{POINTS, Ring};
pub use sharded::{Options, Sharded};

use crate::shop::PaymentStatus;

/// Default time after which a request fails. Maelstrom's clients wait for one second, or for ten
/// times the network's latency if that is longer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_millis(900);

/// A request of a client, or a message of another node.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Request {
    /// Adds stock.
    Restock {
        restock: String,
        product: String,
        quantity: u64,
    },
    /// Orders products, all lines or none.
    Order {
        order: String,
        lines: Vec<(String, u64)>,
    },
    /// Pays an order.
    Pay { order: String, payment: String },
    /// Asks for the state of an order.
    Status { order: String },
    /// Asks for the stock of a product.
    Stock { product: String },
    /// Asks for what was sold of a product.
    Statistics { product: String },
    /// Packets between the Raft groups of two nodes.
    Raft(sharded::Packets),
    /// A request for the leader of a shard.
    Shard(sharded::ShardRequest),
}

/// A reply.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Reply {
    /// The stock is added.
    RestockOk {},
    /// The decision.
    OrderOk { status: OrderStatus },
    /// The state of the payment.
    PayOk { status: PaymentStatus },
    /// The state of the order.
    StatusOk {
        status: OrderStatus,
        payment: Option<String>,
    },
    /// Pieces restocked minus pieces sold.
    StockOk { stock: u64 },
    /// Number of accepted orders, and of the pieces they took.
    StatisticsOk { orders: u64, sold: u64 },
    /// The answer of a shard's leader to another node.
    ShardOk { answer: sharded::Answer },
}

/// The state of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Not ordered, or not decided yet.
    Unknown,
    /// All lines were taken from stock.
    Accepted,
    /// Some line could not be met.
    Rejected,
    /// Accepted and paid.
    Paid,
}

/// A node of the shop.
pub struct Orders(Sharded);

impl Orders {
    /// Creates a node that shares the shards with its peers. `disk` holds the log of its groups.
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or what is on it is damaged.
    pub fn sharded(cx: &Context, disk: impl Disk, options: Options) -> Result<Self> {
        Ok(Self(Sharded::new(cx, disk, options)?))
    }
}

impl Node for Orders {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        self.0.handle(request, cx).await
    }

    async fn background(&self, cx: &Context) {
        self.0.run(cx).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_for_another_node_is_read_from_its_message() {
        let text = r#"{"type":"shard","shard":1,"ask":{"order":{"begin":
            {"order":"o1","home":1,"parts":[[0,{"p1":2}]]}}}}"#;
        let request: Result<Request, _> = serde_json::from_str(text);
        assert!(matches!(request, Ok(Request::Shard(_))));
    }
}
