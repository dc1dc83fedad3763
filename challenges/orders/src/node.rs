//! A node of the shop: requests of clients, and requests for the leaders of shards.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use glomers::prelude::*;
use tokio::time::Instant;

use crate::asks::Asks;
use crate::leaders::{Answer, Ask};
use crate::orders::Recovery;
use crate::replicas::Replicas;
use crate::ring::Ring;
use crate::shop::{Command, OrderForm, Output, Product, Shard, ShardId};
use crate::statistics::{Sales, Statistics};
use crate::{Options, OrderStatus, Reply, Request};

/// A node of the shop, with its replicas.
pub(crate) struct ShopNode<R>(Rc<Inner<R>>);

impl<R> Clone for ShopNode<R> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

struct Inner<R> {
    replicas: R,
    /// The shards, as owners of products and orders.
    ring: Ring,
    contacts: BTreeMap<ShardId, Vec<NodeId>>,
    /// The node that last answered for each shard.
    leaders: RefCell<BTreeMap<ShardId, NodeId>>,
    asks: Asks,
    recovery: Recovery,
    statistics: Statistics,
    request_timeout: Duration,
}

impl<R: Replicas> ShopNode<R> {
    /// Creates a node. `contacts` lists the nodes that may have a replica of each shard, those that have
    /// one at first before the others.
    pub(crate) fn new(
        cx: &Context,
        replicas: R,
        contacts: BTreeMap<ShardId, Vec<NodeId>>,
        options: &Options,
    ) -> Self {
        Self(Rc::new(Inner {
            replicas,
            ring: Ring::new(contacts.keys().map(|shard| format!("shard{shard}"))),
            contacts,
            leaders: RefCell::default(),
            asks: Asks::new(cx),
            recovery: Recovery::default(),
            statistics: Statistics::default(),
            request_timeout: options.request_timeout,
        }))
    }

    pub(crate) fn replicas(&self) -> &R {
        &self.0.replicas
    }

    pub(crate) fn asks(&self) -> &Asks {
        &self.0.asks
    }

    pub(crate) fn recovery(&self) -> &Recovery {
        &self.0.recovery
    }

    pub(crate) fn statistics(&self) -> &Statistics {
        &self.0.statistics
    }

    /// Returns the nodes that may have a replica of each shard.
    pub(crate) fn contacts(&self) -> &BTreeMap<ShardId, Vec<NodeId>> {
        &self.0.contacts
    }

    /// Returns the node that last answered for a shard.
    pub(crate) fn remembered_leader(&self, shard: ShardId) -> Option<NodeId> {
        self.0.leaders.borrow().get(&shard).cloned()
    }

    pub(crate) fn remember_leader(&self, shard: ShardId, leader: Option<NodeId>) {
        let mut leaders = self.0.leaders.borrow_mut();
        match leader {
            Some(leader) => leaders.insert(shard, leader),
            None => leaders.remove(&shard),
        };
    }

    /// Returns the time at which a request that arrives now fails.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.0.request_timeout
    }

    /// Serves a request of a client, or sales of another node.
    pub(crate) async fn serve(&self, request: Request, cx: &Context) -> Result<Reply> {
        let deadline = self.deadline();
        Ok(match request {
            Request::Restock {
                restock,
                product,
                quantity,
            } => {
                let shard = self.shard_of_product(&product);
                let command = Command::Restock {
                    restock,
                    product,
                    quantity,
                };
                self.execute(cx, shard, command, deadline).await?;
                Reply::RestockOk {}
            }
            Request::Order { order, lines } => {
                let form = self.form(order, lines);
                let status = match self.place(cx, &form, deadline).await? {
                    true => OrderStatus::Accepted,
                    false => OrderStatus::Rejected,
                };
                Reply::OrderOk { status }
            }
            Request::Pay { order, payment } => {
                let shard = self.shard_of_order(&order);
                let command = Command::Pay { order, payment };
                match self.execute(cx, shard, command, deadline).await? {
                    Output::Payment(status) => Reply::PayOk { status },
                    output => return Err(unexpected(output)),
                }
            }
            Request::Status { order } => {
                let shard = self.shard_of_order(&order);
                match self.ask(cx, shard, Ask::Status(order), deadline).await? {
                    Answer::Order(status, payment) => Reply::StatusOk { status, payment },
                    answer => return Err(unexpected(answer)),
                }
            }
            Request::Stock { product } => {
                let product = self.product(cx, product, deadline).await?;
                Reply::StockOk {
                    stock: product.stock,
                }
            }
            Request::Statistics { product } => {
                let Sales { orders, sold } = self.sales(cx, product, deadline).await?;
                Reply::StatisticsOk { orders, sold }
            }
            Request::Sales(message) => {
                self.statistics().receive(message);
                Reply::SalesOk {}
            }
            _ => {
                let text = "a message between nodes of another strategy";
                return Err(Error::malformed_request(text));
            }
        })
    }

    async fn product(&self, cx: &Context, product: String, deadline: Instant) -> Result<Product> {
        let shard = self.shard_of_product(&product);
        match self.ask(cx, shard, Ask::Product(product), deadline).await? {
            Answer::Product(product) => Ok(product),
            answer => Err(unexpected(answer)),
        }
    }

    /// Returns what was sold of a product, as far as this node knows.
    async fn sales(&self, cx: &Context, product: String, deadline: Instant) -> Result<Sales> {
        let shard = self.shard_of_product(&product);
        let replica = |shard: &Shard| Sales::from(&shard.product(&product));
        let known = self.replicas().view(shard, replica);
        if let Some(sales) = known.or_else(|| self.statistics().sales(&product)) {
            return Ok(sales);
        }
        let sales = Sales::from(&self.product(cx, product.clone(), deadline).await?);
        self.statistics().learn(&product, sales);
        Ok(sales)
    }

    fn shard_of_product(&self, product: &str) -> ShardId {
        self.0.ring.owner(&format!("product/{product}"))
    }

    fn shard_of_order(&self, order: &str) -> ShardId {
        self.0.ring.owner(&format!("order/{order}"))
    }

    /// Groups the lines of an order by shard. Lines of the same product are added up.
    fn form(&self, order: String, lines: Vec<(String, u64)>) -> Rc<OrderForm> {
        let mut parts: BTreeMap<ShardId, BTreeMap<String, u64>> = BTreeMap::new();
        for (product, quantity) in lines {
            let part = parts.entry(self.shard_of_product(&product)).or_default();
            let total = part.entry(product).or_default();
            *total = total.saturating_add(quantity);
        }
        let parts = parts.into_iter();
        let parts = parts.map(|(shard, part)| (shard, part.into_iter().collect()));
        let parts = parts.collect();
        let home = self.shard_of_order(&order);
        Rc::new(OrderForm { order, home, parts })
    }
}

pub(crate) fn unexpected(answer: impl std::fmt::Debug) -> Error {
    Error::crash(format!("a shard answers something else: {answer:?}"))
}
