//! Nodes that join by registering.
//!
//! A new node asks any node to add it, and is passed on to the leader of the
//! [configuration shard](CONFIGURATION_SHARD), whose group keeps the list of the nodes that have joined.
//! Its leader sends the list to all nodes until they have acknowledged it. A node that restarts asks for
//! it.
//!
//! The list only grows, so the longer one is the newer. It says where shards should be and not where they
//! are, which the configuration of each Raft group does. No harm comes from nodes with different lists.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use glomers::prelude::*;
use tokio::time::sleep;

use crate::Options;
use crate::consensus::Groups;
use crate::leaders::{Answer, Ask};
use crate::node::ShopNode;
use crate::placement::{CONFIGURATION_SHARD, Placement};
use crate::replicas::Replicas;
use crate::shop::{Command, Shard};

/// Period at which the list is sent to nodes that have not acknowledged it.
const ROUND_INTERVAL: Duration = Duration::from_secs(1);

/// The part of a node in registrations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registration {
    /// True if nodes may join.
    is_possible: bool,
    /// Time from the start of this node to its registration; `None` if it need not register.
    after: Option<Duration>,
}

/// The message of the configuration's leader: `{"type": "joined", "joined": ["n5", "n6"]}`.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename = "joined")]
pub struct JoinedMessage {
    joined: Vec<String>,
}

/// The acknowledgement.
#[derive(Deserialize)]
struct JoinedOk {}

/// Number of nodes that had joined in the last list that each node has acknowledged.
type Acknowledged = Rc<RefCell<BTreeMap<NodeId, usize>>>;

impl Registration {
    pub(crate) fn new(cx: &Context, placement: &Placement, options: &Options) -> Self {
        let after = |spare: usize| options.join_interval * (spare as u32 + 1);
        Self {
            is_possible: placement.has_spares(),
            after: placement.spare_number(cx.id()).map(after),
        }
    }
}

impl ShopNode<Groups> {
    /// Registers this node, if it is to join, and spreads the list of the nodes that have joined.
    pub(crate) async fn run_registration(&self, cx: &Context, registration: Registration) {
        if !registration.is_possible {
            return;
        }
        let joined = self.repeat(cx, || Ask::Joined).await;
        if let Answer::Joined(joined) = joined {
            self.receive_joined(JoinedMessage { joined });
        }
        if let Some(after) = registration.after {
            sleep(after).await;
            let node = cx.id().to_owned();
            let join = || Ask::Execute(Command::Join { node: node.clone() });
            self.repeat(cx, join).await;
        }
        let acknowledged = Acknowledged::default();
        loop {
            self.announce(cx, &acknowledged);
            sleep(ROUND_INTERVAL).await;
        }
    }

    /// Asks the leader of the configuration until it answers.
    async fn repeat(&self, cx: &Context, ask: impl Fn() -> Ask) -> Answer {
        loop {
            let answer = self.ask(cx, CONFIGURATION_SHARD, ask(), self.deadline());
            // An error may have come at once.
            match answer.await {
                Ok(answer) => return answer,
                Err(_) => sleep(ROUND_INTERVAL).await,
            }
        }
    }

    /// Notes which nodes have joined.
    pub(crate) fn receive_joined(&self, message: JoinedMessage) {
        let joined = message.joined.into_iter().map(NodeId::from);
        self.replicas().learn_joined(joined.collect());
    }

    /// Sends the list to all nodes that have not acknowledged it, if this node leads the configuration.
    fn announce(&self, cx: &Context, acknowledged: &Acknowledged) {
        let leader = self.replicas().leader(cx, CONFIGURATION_SHARD);
        if leader.is_none_or(|leader| *leader != *cx.id()) {
            // A node may restart and forget the list, and then learns it from another leader.
            acknowledged.borrow_mut().clear();
            return;
        }
        let joined = |shard: &Shard| shard.joined().to_vec();
        let joined = self.replicas().view(CONFIGURATION_SHARD, joined);
        let joined = joined.unwrap_or_default();
        let count = joined.len();
        if count == 0 {
            return;
        }
        let message = JoinedMessage { joined };
        for peer in cx.peers() {
            if acknowledged
                .borrow()
                .get(peer)
                .is_some_and(|known| *known >= count)
            {
                continue;
            }
            let call = cx.call_within::<JoinedOk>(ROUND_INTERVAL, peer, &message);
            let (acknowledged, peer) = (Rc::clone(acknowledged), peer.clone());
            cx.spawn(async move {
                // Without an acknowledgement, the next round sends the list again.
                if call.await.is_ok() {
                    acknowledged.borrow_mut().insert(peer, count);
                }
            });
        }
        self.receive_joined(message);
    }
}
