//! Primary copies without consensus, as two designs for shops have them. Both are wrong, and are here to
//! show how.
//!
//! - *Bully*: one leader, elected by the Bully algorithm, executes everything and waits for all active
//!   nodes to have it, too. A node that does not answer in time is not active. A restarted node copies
//!   the leader's state before it takes part.
//! - *Ring*: the first live replica of a shard's list executes its commands and sends them to the others
//!   afterwards.
//!
//! Both take silence for death. Two nodes that do not hear each other may both be primary and sell the
//! same pieces, and when they hear each other again, one copies the state of the other.

mod replica;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use glomers::prelude::*;
use leader_election::Bully;
use leader_election::bully;
use rand::RngExt;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use self::replica::Replica;
pub use self::replica::Version;
use crate::replicas::{Replicas, no_replica};
use crate::shop::{Command, Order, OrderForm, Output, Shard, ShardId};

/// Period of the heartbeats from every node to every other.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(400);

/// A node that is silent for this time is taken for dead: two heartbeats in a row are missing.
const SUSPECT_AFTER: Duration = Duration::from_secs(1);

/// Time that a replica has for the acknowledgement of a command before it counts as not active.
const REPLICATION_TIMEOUT: Duration = Duration::from_millis(250);

/// Time for which a replica waits for the state of the primary.
const COPY_TIMEOUT: Duration = Duration::from_millis(250);

/// A message between the replicas of two nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "primary", rename_all = "snake_case")]
pub enum Message {
    /// The sender is alive.
    Alive,
    /// A command that the primary has executed.
    Execute {
        /// The shard.
        shard: ShardId,
        /// The version of the state after the command.
        version: Version,
        /// The command.
        command: Command,
    },
    /// Asks the primary for the state of a shard.
    Copy {
        /// The shard.
        shard: ShardId,
    },
}

/// The answer to a [`Message`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The command is executed, or stored until those before it are.
    Executed,
    /// The state of a shard; none if the asked node is not its primary.
    State(Option<(Version, Shard)>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outgoing {
    Primary(Message),
}

/// An answer as it is received.
#[derive(Deserialize)]
struct PrimaryOk {
    answer: Answer,
}

/// How a primary is chosen.
enum Election {
    Bully(Bully),
    FirstLive,
}

/// The replicas of a node.
pub(crate) struct Copies(Rc<Inner>);

struct Inner {
    election: Election,
    members: BTreeMap<ShardId, Vec<NodeId>>,
    replicas: RefCell<BTreeMap<ShardId, Replica>>,
    /// The time at which each other node was last heard from.
    heard: RefCell<BTreeMap<NodeId, Instant>>,
    /// True once the node takes part.
    is_ready: Cell<bool>,
}

impl Copies {
    /// Creates replicas that follow the coordinator of the Bully algorithm.
    pub(crate) fn with_bully(cx: &Context, members: BTreeMap<ShardId, Vec<NodeId>>) -> Self {
        Self::new(cx, Election::Bully(Bully::new(cx)), members)
    }

    /// Creates replicas that follow the first live node of their shard's list.
    pub(crate) fn with_first_live(cx: &Context, members: BTreeMap<ShardId, Vec<NodeId>>) -> Self {
        Self::new(cx, Election::FirstLive, members)
    }

    fn new(cx: &Context, election: Election, members: BTreeMap<ShardId, Vec<NodeId>>) -> Self {
        let ours = members
            .iter()
            .filter(|(_, it)| it.iter().any(|node| **node == *cx.id()));
        let replicas = ours
            .map(|(shard, _)| (*shard, Replica::new(*shard)))
            .collect();
        let heard = cx.peers().iter().map(|peer| (peer.clone(), Instant::now()));
        Self(Rc::new(Inner {
            election,
            replicas: RefCell::new(replicas),
            heard: RefCell::new(heard.collect()),
            is_ready: Cell::new(false),
            members,
        }))
    }

    /// Handles a message of the Bully algorithm.
    pub(crate) fn receive_bully(&self, cx: &Context, message: bully::Message) {
        if let (Election::Bully(bully), true) = (&self.0.election, self.0.is_ready.get()) {
            bully.receive(cx, message);
        }
    }

    /// Handles a message of another node. Returns the answer, if the message has one.
    pub(crate) async fn receive(&self, cx: &Context, message: Message) -> Option<Answer> {
        let inner = &self.0;
        let sender = NodeId::from(cx.sender());
        inner
            .heard
            .borrow_mut()
            .insert(sender.clone(), Instant::now());
        match message {
            Message::Alive => None,
            Message::Copy { shard } => Some(Answer::State(inner.state(cx, shard))),
            Message::Execute {
                shard,
                version,
                command,
            } => {
                if inner.leads(cx, shard) {
                    return None;
                }
                if !inner.follow(shard, version, command) {
                    inner.copy_from(cx, &sender, shard).await;
                }
                Some(Answer::Executed)
            }
        }
    }
}

impl Inner {
    fn leader(&self, cx: &Context, shard: ShardId) -> Option<NodeId> {
        if !self.is_ready.get() {
            return None;
        }
        match &self.election {
            Election::Bully(bully) => bully.leader(cx).map(|(leader, _)| leader),
            Election::FirstLive => {
                let is_live = |node: &&NodeId| ***node == *cx.id() || self.is_live(node);
                self.members.get(&shard)?.iter().find(is_live).cloned()
            }
        }
    }

    fn leads(&self, cx: &Context, shard: ShardId) -> bool {
        self.leader(cx, shard)
            .is_some_and(|leader| *leader == *cx.id())
    }

    fn is_live(&self, node: &NodeId) -> bool {
        let heard = self.heard.borrow();
        heard
            .get(node)
            .is_some_and(|at| at.elapsed() < SUSPECT_AFTER)
    }

    /// Returns the state of a shard for another replica; `None` if this node is not primary.
    fn state(&self, cx: &Context, shard: ShardId) -> Option<(Version, Shard)> {
        if !self.leads(cx, shard) {
            return None;
        }
        let mut replicas = self.replicas.borrow_mut();
        let replica = replicas.get_mut(&shard)?;
        replica.lead(cx.rng().random());
        Some((replica.version(), replica.shard().clone()))
    }

    /// Executes a command of the primary, in the primary's order. Returns false if the state of this
    /// replica is not one of the primary's.
    fn follow(&self, shard: ShardId, version: Version, command: Command) -> bool {
        let mut replicas = self.replicas.borrow_mut();
        let Some(replica) = replicas.get_mut(&shard) else {
            return true;
        };
        replica.follow(version, command)
    }

    /// Replaces a replica by the state of the primary.
    async fn copy_from(&self, cx: &Context, primary: &NodeId, shard: ShardId) {
        let request = Outgoing::Primary(Message::Copy { shard });
        let reply = cx.call_within(COPY_TIMEOUT, primary, &request).await;
        let Ok(PrimaryOk {
            answer: Answer::State(Some((version, state))),
        }) = reply
        else {
            return;
        };
        if let Some(replica) = self.replicas.borrow_mut().get_mut(&shard) {
            replica.replace(version, state);
        }
    }

    /// Sends a command to all active replicas and waits until they have executed it.
    async fn replicate(&self, cx: &Context, nodes: Vec<NodeId>, message: Message) {
        let request = Outgoing::Primary(message);
        let call = |node: NodeId| {
            let call = cx.call_within(REPLICATION_TIMEOUT, &node, &request);
            (node, call)
        };
        let calls: Vec<_> = nodes.into_iter().map(call).collect();
        for (node, call) in calls {
            let acknowledged: Result<PrimaryOk> = call.await;
            if acknowledged.is_err() {
                self.heard.borrow_mut().remove(&node);
            }
        }
    }
}

impl Replicas for Copies {
    fn propose(
        &self,
        cx: &Context,
        shard: ShardId,
        command: Command,
    ) -> Option<oneshot::Receiver<Output>> {
        if !self.0.leads(cx, shard) {
            return None;
        }
        let (output, version) = {
            let mut replicas = self.0.replicas.borrow_mut();
            let replica = replicas.get_mut(&shard)?;
            replica.lead(cx.rng().random());
            (replica.execute(&command), replica.version())
        };
        let (sender, outcome) = oneshot::channel();
        let others = self.0.members[&shard]
            .iter()
            .filter(|node| ***node != *cx.id());
        let message = Message::Execute {
            shard,
            version,
            command,
        };
        match self.0.election {
            Election::FirstLive => {
                // The client is answered before the others have it.
                let _ = sender.send(output);
                for node in others {
                    cx.send(node, &Outgoing::Primary(message.clone()));
                }
            }
            Election::Bully(_) => {
                let active = others
                    .filter(|node| self.0.is_live(node))
                    .cloned()
                    .collect();
                let (inner, replicating) = (Rc::clone(&self.0), cx.clone());
                cx.spawn(async move {
                    inner.replicate(&replicating, active, message).await;
                    let _ = sender.send(output);
                });
            }
        }
        Some(outcome)
    }

    fn read(&self, cx: &Context, shard: ShardId) -> Option<oneshot::Receiver<()>> {
        let (sender, ready) = oneshot::channel();
        let _ = sender.send(());
        self.0.leads(cx, shard).then_some(ready)
    }

    fn view<T>(&self, shard: ShardId, view: impl FnOnce(&Shard) -> T) -> Option<T> {
        let replicas = self.0.replicas.borrow();
        replicas.get(&shard).map(|replica| view(replica.shard()))
    }

    fn order(&self, shard: ShardId, order: &str) -> Result<Option<Order>> {
        let order = self.view(shard, |shard| shard.order(order).cloned());
        order.ok_or_else(no_replica)
    }

    fn members(&self, shard: ShardId) -> Vec<NodeId> {
        self.0.members[&shard].clone()
    }

    fn leader(&self, cx: &Context, shard: ShardId) -> Option<NodeId> {
        self.0.leader(cx, shard)
    }

    fn suspect_leader(&self, _: ShardId) {
        // Heartbeats alone decide which node is live.
    }

    fn open_orders(&self, cx: &Context) -> Vec<Rc<OrderForm>> {
        let replicas = self.0.replicas.borrow();
        let led = replicas
            .iter()
            .filter(|(shard, _)| self.0.leads(cx, **shard));
        led.flat_map(|(_, replica)| replica.shard().open_orders().cloned())
            .collect()
    }

    async fn run(&self, cx: &Context) {
        let (inner, beating) = (Rc::clone(&self.0), cx.clone());
        cx.spawn(async move {
            loop {
                for peer in beating.peers() {
                    beating.send(peer, &Outgoing::Primary(Message::Alive));
                }
                sleep(HEARTBEAT_INTERVAL).await;
            }
        });
        match &self.0.election {
            Election::FirstLive => {
                inner.is_ready.set(true);
                std::future::pending().await
            }
            Election::Bully(bully) => {
                for shard in self.0.members.keys() {
                    for peer in cx.peers() {
                        inner.copy_from(cx, peer, *shard).await;
                    }
                }
                inner.is_ready.set(true);
                bully.run(cx).await;
            }
        }
    }
}
