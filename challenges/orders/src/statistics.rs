//! Statistics of products at nodes that have no replica of them.
//!
//! Once per round, the leader of a shard sends the other nodes what was sold since they last
//! acknowledged. Both numbers only grow, so a node keeps the larger ones, and messages may be lost,
//! repeated and reordered. A node that does not know a product asks the product's leader once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use glomers::prelude::*;
use tokio::time::sleep;

use crate::node::ShopNode;
use crate::replicas::Replicas;
use crate::shop::{Product, Shard, ShardId};

/// Period of the rounds.
const ROUND_INTERVAL: Duration = Duration::from_secs(1);

/// What was sold of a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sales {
    /// Number of accepted orders.
    pub orders: u64,
    /// Number of pieces.
    pub sold: u64,
}

/// Sales by product.
type SalesByProduct = BTreeMap<String, Sales>;

/// A message of a round: `{"type": "sales", "sales": {"p3": {"orders": 5, "sold": 9}}}`.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename = "sales")]
pub struct SalesMessage {
    sales: SalesByProduct,
}

/// The acknowledgement.
#[derive(Deserialize)]
struct SalesOk {}

/// What a node knows about sales elsewhere, and what others know about sales here.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    known: RefCell<SalesByProduct>,
    /// What each other node has acknowledged of a shard that this node leads.
    acknowledged: RefCell<BTreeMap<(ShardId, NodeId), SalesByProduct>>,
}

impl Statistics {
    /// Returns what was sold of a product without a replica here, if this node knows the product.
    pub(crate) fn sales(&self, product: &str) -> Option<Sales> {
        self.known.borrow().get(product).copied()
    }

    pub(crate) fn learn(&self, product: &str, sales: Sales) {
        let mut known = self.known.borrow_mut();
        let latest = known.entry(product.to_owned()).or_default();
        *latest = sales.max(*latest);
    }

    pub(crate) fn receive(&self, message: SalesMessage) {
        for (product, sales) in message.sales {
            self.learn(&product, sales);
        }
    }

    /// Returns what another node has not acknowledged of the sales of a shard.
    fn unknown_to(&self, node: &NodeId, shard: ShardId, sales: SalesByProduct) -> SalesByProduct {
        let mut sales = sales;
        if let Some(known) = self.acknowledged.borrow().get(&(shard, node.clone())) {
            sales.retain(|product, it| known.get(product) != Some(it));
        }
        sales
    }

    fn acknowledge(&self, node: &NodeId, shard: ShardId, sales: SalesByProduct) {
        let mut acknowledged = self.acknowledged.borrow_mut();
        let known = acknowledged.entry((shard, node.clone())).or_default();
        known.extend(sales);
    }

    /// Forgets what other nodes know of a shard that this node does not lead. If it leads the shard
    /// again, it sends everything again.
    fn forget(&self, shard: ShardId) {
        let mut acknowledged = self.acknowledged.borrow_mut();
        acknowledged.retain(|(of, _), _| *of != shard);
    }
}

impl From<&Product> for Sales {
    fn from(product: &Product) -> Self {
        Self {
            orders: product.orders,
            sold: product.sold,
        }
    }
}

impl<R: Replicas> ShopNode<R> {
    /// Sends what was sold, in rounds.
    pub(crate) async fn run_statistics(&self, cx: &Context) {
        loop {
            sleep(ROUND_INTERVAL).await;
            let led = self.led_shards(cx);
            for peer in cx.peers() {
                self.send_sales(cx, peer, &led);
            }
        }
    }

    fn led_shards(&self, cx: &Context) -> Vec<ShardId> {
        let mut led = Vec::new();
        for shard in self.contacts().keys() {
            let leader = self.replicas().leader(cx, *shard);
            match leader.is_some_and(|leader| *leader == *cx.id()) {
                true => led.push(*shard),
                false => self.statistics().forget(*shard),
            }
        }
        led
    }

    /// Sends a node what it does not know of these shards, if there is anything.
    fn send_sales(&self, cx: &Context, peer: &NodeId, led: &[ShardId]) {
        let mut by_shard = Vec::new();
        let has_replica = |shard: ShardId| self.replicas().members(shard).contains(peer);
        for shard in led.iter().filter(|shard| !has_replica(**shard)) {
            let sales = |shard: &Shard| {
                let products = shard.products();
                products
                    .map(|(name, it)| (name.clone(), it.into()))
                    .collect()
            };
            let sales: SalesByProduct = self.replicas().view(*shard, sales).unwrap_or_default();
            let unknown = self.statistics().unknown_to(peer, *shard, sales);
            if !unknown.is_empty() {
                by_shard.push((*shard, unknown));
            }
        }
        if by_shard.is_empty() {
            return;
        }
        let all = by_shard.iter().flat_map(|(_, sales)| sales.clone());
        let message = SalesMessage {
            sales: all.collect(),
        };
        let call = cx.call_within::<SalesOk>(ROUND_INTERVAL, peer, &message);
        let (node, peer) = (self.clone(), peer.clone());
        cx.spawn(async move {
            // Without an acknowledgement, the next round sends the same again.
            if call.await.is_ok() {
                for (shard, sales) in by_shard {
                    node.statistics().acknowledge(&peer, shard, sales);
                }
            }
        });
    }
}
