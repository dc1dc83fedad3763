//! What nodes ask each other, and the answers.
//!
//! Everything that a node has to say to another one at the same moment is one message. Under load, many
//! requests of clients are on their way between the same nodes, so this saves most of the messages.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use glomers::prelude::*;
use rand::RngExt;
use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

use crate::leaders::{Answer, Ask};
use crate::node::ShopNode;
use crate::replicas::Replicas;
use crate::shop::ShardId;

/// Number of a question, unique among those of a node, also of its earlier incarnations.
type AskId = u64;

/// The first number has at most this many bits, because many JSON parsers are exact up to 53 bits only.
const FIRST_ID_BITS: u32 = 48;

/// What one node has to say to another one. On the wire:
/// `{"type": "shards", "asks": [[id, shard, ask], …], "answers": [[id, answer], …]}`.
#[derive(Default, Serialize, Deserialize)]
#[serde(tag = "type", rename = "shards", default)]
pub struct ShardsMessage {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    asks: Vec<(AskId, ShardId, Ask)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    answers: Vec<(AskId, Answer)>,
}

/// The questions that a node has asked, and what it is about to send.
pub(crate) struct Asks {
    last_id: Cell<AskId>,
    waiting: RefCell<BTreeMap<AskId, oneshot::Sender<Answer>>>,
    outgoing: RefCell<BTreeMap<NodeId, ShardsMessage>>,
    has_outgoing: Notify,
}

impl Asks {
    /// Creates an empty table. It numbers its questions from a random number on, so that a restarted node
    /// does not mistake a late answer to its earlier incarnation for one to itself.
    pub(crate) fn new(cx: &Context) -> Self {
        let first_id = cx.rng().random::<u64>() >> (u64::BITS - FIRST_ID_BITS);
        Self {
            last_id: Cell::new(first_id),
            waiting: RefCell::default(),
            outgoing: RefCell::default(),
            has_outgoing: Notify::new(),
        }
    }

    /// Asks a node about a shard.
    ///
    /// # Errors
    ///
    /// A timeout, which is indefinite, also if the node does not know the outcome.
    pub(crate) async fn ask(
        &self,
        node: &NodeId,
        shard: ShardId,
        ask: Ask,
        limit: Instant,
    ) -> Result<Answer> {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        let (sender, answer) = oneshot::channel();
        self.waiting.borrow_mut().insert(id, sender);
        let _waiting = Waiting { asks: self, id };
        self.push(node, |message| message.asks.push((id, shard, ask)));
        match timeout_at(limit, answer).await {
            Ok(Ok(Answer::Failed)) => {
                Err(Error::timeout(format!("{node} does not know the outcome")))
            }
            Ok(Ok(answer)) => Ok(answer),
            _ => Err(Error::timeout(format!("no answer from {node}"))),
        }
    }

    fn push(&self, node: &NodeId, push: impl FnOnce(&mut ShardsMessage)) {
        let mut outgoing = self.outgoing.borrow_mut();
        if let Some(message) = outgoing.get_mut(node) {
            return push(message);
        }
        push(outgoing.entry(node.clone()).or_default());
        self.has_outgoing.notify_one();
    }
}

/// A question that waits for its answer; dropping it ends that.
struct Waiting<'a> {
    asks: &'a Asks,
    id: AskId,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.asks.waiting.borrow_mut().remove(&self.id);
    }
}

impl<R: Replicas> ShopNode<R> {
    /// Handles what another node asks and answers.
    pub(crate) fn receive_shards(&self, cx: &Context, message: ShardsMessage) {
        for (id, answer) in message.answers {
            let waiting = self.asks().waiting.borrow_mut().remove(&id);
            if let Some(waiting) = waiting {
                // The receiver may have given up.
                let _ = waiting.send(answer);
            }
        }
        for (id, shard, ask) in message.asks {
            let (node, leading) = (self.clone(), cx.clone());
            cx.spawn(async move {
                let answer = node.lead(&leading, shard, ask, node.deadline()).await;
                let answer = answer.unwrap_or(Answer::Failed);
                let asker = NodeId::from(leading.sender());
                node.asks()
                    .push(&asker, |message| message.answers.push((id, answer)));
            });
        }
    }

    /// Sends what there is to send, once nothing else is ready to run that might add to it.
    pub(crate) async fn run_asks(&self, cx: &Context) {
        loop {
            self.asks().has_outgoing.notified().await;
            yield_now().await;
            for (node, message) in self.asks().outgoing.take() {
                cx.send(&node, &message);
            }
        }
    }
}
