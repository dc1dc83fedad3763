//! Three ways to elect a leader. Two of them are classics that sometimes have two leaders at once.
//!
//! - [`Bully`]: the highest id wins (Garcia-Molina, "Elections in a Distributed Computing System",
//!   1982).
//! - [`FirstLive`]: every node watches all others; the first live node of the list leads.
//! - [`Lease`]: a majority elects a leader for a bounded time. The default, and the only one that
//!   never has two leaders.
//!
//! All three answer the same question: [`Request::Leader`].

pub mod bully;
mod clock;
mod first_live;
mod lease;

use std::collections::BTreeMap;

use glomers::prelude::*;
use raft::Disk;

pub use bully::Bully;
pub use clock::Clock;
pub use first_live::FirstLive;
pub use lease::{CLOCK_RATE_ERROR, Elector, Lease, Output, Timing, message};

/// The number of a period in which one node leads. Each time a node begins to lead, it takes a
/// higher term than any before.
pub type Term = u64;

/// The requests of clients, and the messages between nodes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Asks which node leads.
    Leader,
    /// A message between nodes that follow [`Bully`].
    Bully(bully::Message),
    /// A message between nodes that follow [`FirstLive`].
    FirstLive(first_live::Heartbeat),
    /// A message between nodes that follow [`Lease`].
    Lease(message::Packet),
}

/// The replies to clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// The leader as far as the replying node knows, which may be that node itself.
    LeaderOk {
        /// The leader.
        leader: NodeId,
        /// The leader's term.
        term: Term,
    },
}

/// A node that takes part in elections by one of the strategies.
#[expect(clippy::large_enum_variant, reason = "a process has one of them")]
pub enum LeaderElection {
    /// The highest id wins.
    Bully(Bully),
    /// The first live node of the list leads.
    FirstLive(FirstLive),
    /// A majority elects a leader for a bounded time.
    Lease(Lease),
}

impl LeaderElection {
    /// Creates a node that follows the Bully algorithm.
    pub fn bully(cx: &Context) -> Self {
        Self::Bully(Bully::new(cx))
    }

    /// Creates a node that considers the first live node of the list the leader.
    pub fn first_live(cx: &Context) -> Self {
        Self::FirstLive(FirstLive::new(cx))
    }

    /// Creates a node that votes for leaders with leases. `disk` holds its terms and votes.
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or its contents are damaged.
    pub fn lease(cx: &Context, disk: impl Disk, timing: Timing, clock: Clock) -> Result<Self> {
        Ok(Self::Lease(Lease::new(cx, disk, timing, clock)?))
    }

    /// Returns the leader and its term, as far as this node knows at this moment.
    fn leader(&self, cx: &Context) -> Option<(NodeId, Term)> {
        match self {
            Self::Bully(node) => node.leader(cx),
            Self::FirstLive(node) => node.leader(cx),
            Self::Lease(node) => node.leader(),
        }
    }
}

glomers::compile_once!(LeaderElection);

impl Node for LeaderElection {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        match (request, self) {
            // Nothing is awaited between this call and the reply.
            (Request::Leader, _) => {
                let (leader, term) = self
                    .leader(cx)
                    .ok_or_else(|| Error::temporarily_unavailable("no leader"))?;
                return Ok(Some(Reply::LeaderOk { leader, term }));
            }
            (Request::Bully(message), Self::Bully(node)) => node.receive(cx, message),
            (Request::FirstLive(heartbeat), Self::FirstLive(node)) => node.receive(cx, heartbeat),
            (Request::Lease(packet), Self::Lease(node)) => node.receive(cx, packet),
            _ => {
                return Err(Error::malformed_request(
                    "this node follows another strategy",
                ));
            }
        }
        Ok(None)
    }

    async fn background(&self, cx: &Context) {
        match self {
            Self::Bully(node) => node.run(cx).await,
            Self::FirstLive(node) => node.run(cx).await,
            Self::Lease(node) => node.run(cx).await,
        }
    }
}

/// Returns the position of each node in the list that `init` gave to all of them. This is the order
/// of ids, in which `n10` comes after `n9`.
fn positions(cx: &Context) -> BTreeMap<NodeId, usize> {
    cx.nodes().iter().cloned().zip(0..).collect()
}

/// Returns a term that is higher than any that the node has seen, for algorithms that keep none on
/// disk: the wall clock in milliseconds. It may repeat a term after a restart if the wall clock has
/// stepped back.
fn term_without_disk(cx: &Context, highest_seen: Term) -> Term {
    let wall_clock = cx.wall_clock().as_millis() as Term;
    wall_clock.max(highest_seen + 1)
}
