//! A shop on sharded Raft groups: products have stock, orders take from it, payments come before or
//! after their order, and every node answers everything.
//!
//! A consistent-hash [`Ring`] assigns each product and each order to a shard, and each shard to three
//! nodes (`placement`). [`shop`] is the state machine of a shard, and `consensus` keeps its replicas
//! alike: the Raft groups of a node with one log file. It also moves shards, away from dead nodes and to
//! nodes that have joined by `registration`.
//! Orders that no request asks for leave memory for the [`archive`].
//! `node` passes requests to the leaders of shards, and `orders` drives orders through their shards:
//! reserve, settle, decide.
//!
//! `primary` replaces the Raft groups by primary copies without consensus. Everything else stays, and
//! the shop sells what it does not have.

pub mod archive;
mod asks;
mod consensus;
mod leaders;
mod node;
mod orders;
mod placement;
mod primary;
mod registration;
mod replicas;
mod ring;
pub mod shop;
mod statistics;

use std::collections::BTreeMap;
use std::time::Duration;

use glomers::prelude::*;
use leader_election::bully;
use raft::Disk;

pub use ring::{POINTS, Ring};

use crate::archive::Files;
use crate::consensus::Groups;
use crate::node::ShopNode;
use crate::placement::Placement;
use crate::primary::Copies;
use crate::registration::Registration;
use crate::replicas::Replicas;
use crate::shop::{PaymentStatus, ShardId};

/// Default time after which a request fails. The clients of the workload wait for five seconds.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);

/// Settings of a node.
#[derive(Clone, Debug)]
pub struct Options {
    /// Number of shards; the same on all nodes.
    pub shards: u32,
    /// Time after which a client's request fails. Should be less than the client's own timeout.
    pub request_timeout: Duration,
    /// Number of nodes, the last ones, that hold no shards at first; the same on all nodes. They join
    /// by registering, and then get a share of the shards.
    pub spares: usize,
    /// Time between the registrations of spares. The first one registers after this time, and with zero
    /// all of them do as soon as they are up.
    pub join_interval: Duration,
    /// Time after which another node takes the places of one that does not answer; `None` leaves its
    /// places to it.
    pub replace_after: Option<Duration>,
    /// Time after which an order that no request asks for leaves memory.
    pub idle: Duration,
    /// Size of the log file below which no snapshots are taken, in bytes.
    pub log_bytes_min: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shards: 8,
            request_timeout: REQUEST_TIMEOUT,
            spares: 0,
            join_interval: Duration::ZERO,
            replace_after: None,
            idle: Duration::from_secs(10),
            log_bytes_min: 1024 * 1024,
        }
    }
}

/// A request of a client, or a message of another node.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// Requests for leaders of shards, and answers.
    Shards(asks::ShardsMessage),
    /// What was sold of products of which the receiver has no replica.
    Sales(statistics::SalesMessage),
    /// The nodes that have joined.
    Joined(registration::JoinedMessage),
    /// A message between the Raft groups of two nodes.
    Raft(consensus::Message),
    /// A message between primary copies.
    Primary(primary::Message),
    /// A message of the Bully algorithm.
    Bully(bully::Message),
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
    /// The sales are noted.
    SalesOk {},
    /// The nodes that have joined are noted.
    JoinedOk {},
    /// The answer of a primary copy to another node.
    PrimaryOk { answer: primary::Answer },
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
pub struct Orders(Strategy);

enum Strategy {
    Consensus(ShopNode<Groups>, Registration),
    PrimaryCopy(ShopNode<Copies>),
}

impl Orders {
    /// Creates a node whose shards are Raft groups of three. `disk` holds their log, and `files` holds
    /// the orders that have left memory.
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or what is on it is damaged.
    pub fn sharded(
        cx: &Context,
        disk: impl Disk,
        files: impl Files,
        options: &Options,
    ) -> Result<Self> {
        let placement = Placement::new(options.shards, cx.nodes(), options.spares);
        let registration = Registration::new(cx, &placement, options);
        let contacts = match options.replace_after.is_some() || placement.has_spares() {
            true => placement.contacts(),
            false => placement.first(),
        };
        let groups = Groups::new(cx, disk, files, placement, options)?;
        let node = ShopNode::new(cx, groups, contacts, options);
        Ok(Self(Strategy::Consensus(node, registration)))
    }

    /// Creates a node that follows the coordinator of the Bully algorithm, which copies everything to
    /// all active nodes. Oversells in a partition.
    pub fn bully(cx: &Context, options: &Options) -> Self {
        let members: BTreeMap<ShardId, _> = [(0, cx.nodes().to_vec())].into();
        let copies = Copies::with_bully(cx, members.clone());
        Self(Strategy::PrimaryCopy(ShopNode::new(
            cx, copies, members, options,
        )))
    }

    /// Creates a node that leads the shards in whose list of replicas it is the first live one.
    /// Oversells in a partition and loses what it has not copied yet in a crash.
    pub fn ring(cx: &Context, options: &Options) -> Self {
        let members = Placement::new(options.shards, cx.nodes(), 0).first();
        let copies = Copies::with_first_live(cx, members.clone());
        Self(Strategy::PrimaryCopy(ShopNode::new(
            cx, copies, members, options,
        )))
    }
}

glomers::compile_once!(Orders);

impl Node for Orders {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        match (&self.0, request) {
            (Strategy::Consensus(node, _), Request::Raft(message)) => {
                node.replicas().receive(cx, message);
                Ok(None)
            }
            (Strategy::Consensus(node, _), Request::Shards(message)) => {
                node.receive_shards(cx, message);
                Ok(None)
            }
            (Strategy::PrimaryCopy(node), Request::Shards(message)) => {
                node.receive_shards(cx, message);
                Ok(None)
            }
            (Strategy::Consensus(node, _), Request::Joined(message)) => {
                node.receive_joined(message);
                Ok(Some(Reply::JoinedOk {}))
            }
            (Strategy::PrimaryCopy(node), Request::Bully(message)) => {
                node.replicas().receive_bully(cx, message);
                Ok(None)
            }
            (Strategy::PrimaryCopy(node), Request::Primary(message)) => {
                let answer = node.replicas().receive(cx, message).await;
                Ok(answer.map(|answer| Reply::PrimaryOk { answer }))
            }
            (Strategy::Consensus(node, _), request) => node.serve(request, cx).await.map(Some),
            (Strategy::PrimaryCopy(node), request) => node.serve(request, cx).await.map(Some),
        }
    }

    async fn background(&self, cx: &Context) {
        match &self.0 {
            Strategy::Consensus(node, registration) => {
                let (joining, registration) = (node.clone(), *registration);
                let joining_cx = cx.clone();
                cx.spawn(async move { joining.run_registration(&joining_cx, registration).await });
                run(node, cx).await;
            }
            Strategy::PrimaryCopy(node) => run(node, cx).await,
        }
    }
}

async fn run<R: Replicas>(node: &ShopNode<R>, cx: &Context) {
    let (asking, asking_cx) = (node.clone(), cx.clone());
    cx.spawn(async move { asking.run_asks(&asking_cx).await });
    let (recovering, recovery_cx) = (node.clone(), cx.clone());
    cx.spawn(async move { recovering.run_recovery(&recovery_cx).await });
    let (telling, telling_cx) = (node.clone(), cx.clone());
    cx.spawn(async move { telling.run_statistics(&telling_cx).await });
    node.replicas().run(cx).await;
}
