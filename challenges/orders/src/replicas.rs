//! The replicas of shards on one node, and what they can do, however they are kept alike.

use std::rc::Rc;

use glomers::prelude::*;
use tokio::sync::oneshot;

use crate::shop::{Command, Order, OrderForm, Output, Shard, ShardId};

/// The replicas of shards on one node.
pub(crate) trait Replicas: 'static {
    /// Executes a command on all replicas of a shard. Returns the receiver of its outcome, which fails
    /// if the outcome will not be known here; `None` if this node does not lead the shard.
    fn propose(
        &self,
        cx: &Context,
        shard: ShardId,
        command: Command,
    ) -> Option<oneshot::Receiver<Output>>;

    /// Begins a read. The receiver is notified when the state here may be read; `None` if this node
    /// does not lead the shard.
    fn read(&self, cx: &Context, shard: ShardId) -> Option<oneshot::Receiver<()>>;

    /// Looks at the state of a shard as this node has it; `None` if it has no replica, or has one no
    /// longer.
    fn view<T>(&self, shard: ShardId, view: impl FnOnce(&Shard) -> T) -> Option<T>;

    /// Returns an order of its home shard as this node has it, in memory or on disk.
    ///
    /// # Errors
    ///
    /// A timeout if this node has no replica of the shard, or has one no longer. A crash if its disk
    /// cannot be read.
    fn order(&self, shard: ShardId, order: &str) -> Result<Option<Order>>;

    /// Returns the nodes with a replica of a shard, as far as this node knows.
    fn members(&self, shard: ShardId) -> Vec<NodeId>;

    /// Returns the leader of a shard, as far as this node knows.
    fn leader(&self, cx: &Context, shard: ShardId) -> Option<NodeId>;

    /// Notes that the leader of a shard has not answered a request.
    fn suspect_leader(&self, shard: ShardId);

    /// Returns the orders of shards that this node leads which are not brought to their end.
    fn open_orders(&self, cx: &Context) -> Vec<Rc<OrderForm>>;

    /// Runs the replicas, in the background of the node.
    async fn run(&self, cx: &Context);
}

/// Returns the error of a node that has lost its replica since it was asked.
pub(crate) fn no_replica() -> Error {
    Error::timeout("the shard has left this node")
}
