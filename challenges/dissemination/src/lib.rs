//! Delivery of every item published by any node to every other node: reliable, and batched over a
//! star.
//!
//! Broadcast, g-set, pn-counter and the transactional registers share this crate. A node
//! [publishes](Dissemination::publish) items; every other node receives each of them once, in the
//! order of its origin, despite loss, duplication, reordering, partitions, and crashes of other
//! nodes.
//!
//! ```no_run
//! use dissemination::{Dissemination, Gossip, Windows};
//! use glomers::prelude::*;
//!
//! #[derive(Deserialize)]
//! #[serde(rename_all = "snake_case")]
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
//! * An origin numbers its items, and every node keeps every origin's log. So one number per
//!   origin, a [`Vector`], says what a node holds.
//! * A node also numbers the changes of its logs, its *versions*. Messages between two nodes state
//!   what has changed since a version that both hold.
//! * Items travel over a star: up to a *hub*, and down from it in *rounds*. A round departs as soon
//!   as there is something to send, but not within [`Windows::round`] of the one before.
//! * The hub announces its next round, and nodes send so as to arrive just before it.
//! * Every message names the versions that it accounts for, and echoes a stamp of the receiver's. The
//!   echo confirms all messages up to that stamp; the versions show what was lost, and a node asks
//!   for what it lacks.
//! * A link that falls quiet is closed by one confirmation, after which nothing is sent. In a cluster of
//!   several groups it asks the hub for an answer, so that a dead hub is noticed.
//! * A node that cannot reach the hub follows the next node in the list.
//! * A cluster of more than 64 nodes is cut into groups with a hub each. The hubs send each other what
//!   their groups have published.
//!
//! # Where to read on
//!
//! Each module uses only those before it in this list:
//!
//! 1. What is exchanged: `vector` (how much a node holds), `log` (a run of items), `logs` (what a node
//!    holds), `delta` (what two nodes know of each other's logs), `gossip` (the message).
//! 2. What is known of others: `groups` (which nodes form a group), `rtt` (round-trip times), `link`
//!    (one peer), `timers` (when something is due), `timetable` (the hub's rounds).
//! 3. One node as a state machine: `star` (its state), `hub` (the hub it follows), `pace` (when its
//!    rounds depart), `send` (composing messages), `exchange` (how items cross to other groups),
//!    `rounds` (how items travel), `failover` (when a peer does not answer), `repair` (what makes
//!    delivery reliable), `protocol` (events and timers).
//! 4. This module drives the state machine from a node's runtime.

mod delta;
mod exchange;
mod failover;
mod gossip;
mod groups;
mod hub;
mod link;
mod log;
mod logs;
mod pace;
mod protocol;
mod repair;
mod rounds;
mod rtt;
mod send;
mod star;
mod timers;
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

/// How long items may wait for others to share a message with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The time between two rounds of a hub, and the longest time that an item waits. An item
    /// reaches all nodes within this time and two hops, and in a cluster of more than 64 nodes within
    /// three hops. A round costs one message per node.
    pub round: Duration,
    /// If set, the time after which a node sends its items straight to all others: they take one
    /// hop, at the price of one message per item and node. Rounds then only repair.
    pub direct: Option<Duration>,
}

impl Windows {
    /// Rounds at this interval.
    pub const fn every(round: Duration) -> Self {
        Self {
            round,
            direct: None,
        }
    }

    /// The fewest messages for a delivery within 2 seconds, at 100 ms per hop: 1.4 s and two hops
    /// are 1.6 s at most, and 0.9 s in the median.
    pub const fn frugal() -> Self {
        Self::every(Duration::from_millis(1400))
    }

    /// Few messages and a delivery within 600 ms, at 100 ms per hop: 385 ms and two hops are 585 ms
    /// at most. A longer interval leaves less than 15 ms to processes that are scheduled late; a
    /// shorter one costs 0.2 % more messages per millisecond.
    pub const fn balanced() -> Self {
        Self::every(Duration::from_millis(385))
    }

    /// Delivery within one hop and 8 ms. Rounds repair what was lost.
    pub const fn swift() -> Self {
        Self {
            round: Duration::from_secs(2),
            direct: Some(Duration::from_millis(8)),
        }
    }
}

/// One node's part in the delivery of items to all nodes.
pub struct Dissemination<T: Item> {
    cx: Context,
    star: RefCell<Star<T>>,
    changed: Notify,
}

impl<T: Item> Dissemination<T> {
    /// Creates the part of the node whose context this is. Nothing is sent before
    /// [`run`](Dissemination::run) is polled.
    pub fn new(cx: &Context, windows: Windows) -> Self {
        let nodes = cx.nodes();
        let me = place(nodes, cx.id()).expect("a node is in the list of nodes");
        let incarnation = cx.rng().random();
        let star = Star::new(me, nodes.len(), incarnation, windows, Instant::now());
        Self {
            cx: cx.clone(),
            star: RefCell::new(star),
            changed: Notify::new(),
        }
    }

    /// Publishes an item to all other nodes.
    ///
    /// Returns at once. The item is stored on this node only, and is lost if the node is killed
    /// before it is sent.
    pub fn publish(&self, item: T) {
        self.star.borrow_mut().publish(item, Instant::now());
        self.changed.notify_one();
    }

    /// Takes a message from another node. Returns the items that are new here, each once and in the
    /// order of its origin, and never one that this node published in its present incarnation.
    ///
    /// A message whose sender is not a node is ignored.
    pub fn handle(&self, sender: &str, gossip: Gossip<T>) -> Vec<(Origin, T)> {
        let mut star = self.star.borrow_mut();
        let from = place(self.cx.nodes(), sender);
        let Some(from) = from.filter(|&from| from != star.me) else {
            return Vec::new();
        };
        let learnt = star.receive(from, gossip, Instant::now());
        self.changed.notify_one();
        learnt
    }

    /// Sends messages when they are due. This is the node's `background`; it never returns.
    pub async fn run(&self, cx: &Context) {
        loop {
            let outgoing = self.star.borrow_mut().act(Instant::now());
            for (peer, gossip) in outgoing {
                cx.send(&cx.nodes()[peer], &gossip);
            }
            let wake_at = self.star.borrow().wake_at();
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = until(wake_at) => {}
            }
        }
    }

    /// Returns the origin of this node's items in its present incarnation.
    pub fn origin(&self) -> Origin {
        self.star.borrow().origin
    }

    /// Returns how much of every origin's log this node holds.
    pub fn vector(&self) -> Vector {
        self.star.borrow().logs.vector()
    }
}

/// Returns the place of a name in the list of nodes. Names usually end with it, so it is looked for there
/// first.
fn place(nodes: &[NodeId], name: &str) -> Option<usize> {
    let is_it = |place: &usize| nodes.get(*place).is_some_and(|node| **node == *name);
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let guess = digits.parse().ok().filter(is_it);
    guess.or_else(|| nodes.iter().position(|node| **node == *name))
}

/// Sleeps until `at`; without a time, forever.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
