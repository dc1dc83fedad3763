//! Every node shall know what any node knows: reliable, batched delivery over a star.
//!
//! What broadcast, g-set, the counters and the transactional registers have in common. A node
//! [publishes](Dissemination::publish) items; every other node learns each of them once, in the
//! order of its origin, in spite of loss, duplication, reordering, partitions, and the death of
//! other nodes.
//!
//! ```no_run
//! use dissemination::{Dissemination, Gossip, Windows};
//! use glomers::prelude::*;
//!
//! #[derive(Deserialize)]
//! #[serde(tag = "type", rename_all = "snake_case")]
//! enum Request { Add { element: i64 }, Gossip(Gossip<i64>) }
//!
//! struct Set { spread: Dissemination<i64> }
//!
//! impl Node for Set {
//!     type Request = Request;
//!     type Reply = Option<Value>;
//!
//!     async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Value>> {
//!         match request {
//!             Request::Add { element } => {
//!                 self.spread.publish(element);
//!                 Ok(Some(serde_json::json!({ "type": "add_ok" })))
//!             }
//!             Request::Gossip(gossip) => {
//!                 for (_origin, _element) in self.spread.handle(cx.sender(), gossip) {
//!                     // Add the element to the set.
//!                 }
//!                 Ok(None)
//!             }
//!         }
//!     }
//!
//!     async fn background(&self, cx: &Context) {
//!         self.spread.run(cx).await;
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     run(|cx| Set { spread: Dissemination::new(cx, Windows::balanced()) })
//! }
//! ```
//!
//! # How it works
//!
//! * [`log`](Item): an origin numbers its items, and every node keeps every origin's log. What a
//!   node holds is therefore said by one number per origin, a [`Vector`].
//! * Items travel over a star: up to a *hub*, and down from it in *rounds*, which depart as soon as
//!   there is something to say, but not within [`Windows::round`] of each other.
//! * The hub announces its next departure, and nodes send so as to arrive just before it.
//! * Every message carries its sender's vector, and echoes a stamp of the receiver's. The echo
//!   confirms cumulatively; the vector shows what was lost, and whoever lacks something asks.
//! * A link that falls quiet is closed by one confirmation, after which nothing is sent any more.
//! * Whoever cannot reach the hub follows the next node in the list instead.

mod gossip;
mod hub;
mod link;
mod log;
mod repair;
mod rounds;
mod rtt;
mod star;
mod timetable;
mod vector;

use std::cell::RefCell;
use std::time::Duration;

use glomers::{Context, NodeId};
use rand::RngExt;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

pub use gossip::Gossip;
pub use log::{Item, Run};
pub use vector::{Origin, Vector};

use star::Star;

/// How long items may wait for others to travel with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The time between two rounds of a hub. An item is everywhere after two hops and a round at
    /// the latest; rounds cost a message per node each.
    pub round: Duration,
    /// If set, a node sends its items straight to all others after this time: one hop, at the price
    /// of a message per item and node. Rounds then only repair.
    pub direct: Option<Duration>,
}

impl Windows {
    /// Rounds so far apart.
    pub const fn every(round: Duration) -> Self {
        Self {
            round,
            direct: None,
        }
    }

    /// The fewest messages that keep an item below two seconds, at 100 ms a hop.
    pub const fn frugal() -> Self {
        Self::every(Duration::from_millis(1400))
    }

    /// Few messages, and an item below 600 ms, at 100 ms a hop.
    pub const fn balanced() -> Self {
        Self::every(Duration::from_millis(385))
    }

    /// One hop.
    pub const fn swift() -> Self {
        Self {
            round: Duration::from_secs(2),
            direct: Some(Duration::from_millis(10)),
        }
    }
}

/// One node's part in the delivery of items to all nodes.
pub struct Dissemination<T: Item> {
    nodes: Vec<NodeId>,
    star: RefCell<Star<T>>,
    changed: Notify,
}

impl<T: Item> Dissemination<T> {
    /// The part of the node whose context this is. Nothing is sent before
    /// [`run`](Dissemination::run) runs.
    pub fn new(cx: &Context, windows: Windows) -> Self {
        let nodes = cx.nodes().to_vec();
        let me = nodes.iter().position(|node| **node == *cx.id());
        let me = me.expect("a node is in the list of nodes");
        let life = cx.rng().random();
        let star = Star::new(me, nodes.len(), life, windows, Instant::now());
        Self {
            nodes,
            star: RefCell::new(star),
            changed: Notify::new(),
        }
    }

    /// Sends an item on its way to all other nodes.
    ///
    /// Returns at once: the item is stored on this node only, and is lost if the node is killed
    /// before it was sent.
    pub fn publish(&self, item: T) {
        self.star.borrow_mut().publish(item, Instant::now());
        self.changed.notify_one();
    }

    /// Takes a message of another node; returns the items that are new here, each once and in the
    /// order of its origin, and never one that this node published in its present life.
    ///
    /// A message from somebody who is no node is ignored.
    pub fn handle(&self, sender: &str, gossip: Gossip<T>) -> Vec<(Origin, T)> {
        let mut star = self.star.borrow_mut();
        let from = self.nodes.iter().position(|node| **node == *sender);
        let Some(from) = from.filter(|&from| from != star.me) else {
            return Vec::new();
        };
        let learnt = star.receive(from, gossip, Instant::now());
        self.changed.notify_one();
        learnt
    }

    /// Sends messages when they are due; the node's `background`. Never returns.
    pub async fn run(&self, cx: &Context) {
        loop {
            let outgoing = self.star.borrow_mut().act(Instant::now());
            for (peer, gossip) in outgoing {
                cx.send(&self.nodes[peer], &gossip);
            }
            let wake_at = self.star.borrow().wake_at();
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = until(wake_at) => {}
            }
        }
    }

    /// Under what origin this node's items go out, in its present life.
    pub fn origin(&self) -> Origin {
        self.star.borrow().origin
    }

    /// How much of every origin's log is held here.
    pub fn vector(&self) -> Vector {
        self.star.borrow().vector().clone()
    }
}

/// Sleeps until then, or for ever.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
