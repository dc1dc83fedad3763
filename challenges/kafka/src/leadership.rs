//! Leadership records: which node leads a shard, and which nodes are in sync with it.
//!
//! All nodes must agree on these records, so they live in lin-kv. A change is a compare-and-set from
//! the version that the proposer knew: of two changes to one version, one fails. This is the
//! division of labour of PacificA (Lin et al., 2008) and of Kafka with its controller. A small
//! linearizable store decides which node may act, and is used only when that changes; the data
//! never pass through it.

use glomers::prelude::*;

use crate::placement;

/// One incarnation of a node: its execution from a start until it is killed.
///
/// Nodes lose their memory when they are killed. A statement about what a node has stored is
/// therefore always about one incarnation of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(usize, u64)", into = "(usize, u64)")]
pub struct Member {
    /// The node, as a position in the list of all nodes.
    pub node: usize,
    /// The number of the incarnation, from 1 on.
    pub incarnation: u64,
}

impl From<(usize, u64)> for Member {
    fn from((node, incarnation): (usize, u64)) -> Self {
        Self { node, incarnation }
    }
}

impl From<Member> for (usize, u64) {
    fn from(Member { node, incarnation }: Member) -> Self {
        (node, incarnation)
    }
}

/// The leadership record of a shard. Every member that is in sync has all committed entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leadership {
    /// Number of changes so far.
    pub version: u64,
    /// Number of changes of the leader so far. Within an epoch the leader's journal only grows.
    pub epoch: u64,
    /// The only member that appends.
    pub leader: Member,
    /// The members that must store an entry before it is committed, the leader included.
    pub in_sync: Vec<Member>,
}

impl Leadership {
    /// Returns the record that is in force until the first change: every node is in its first
    /// incarnation, and the shard's own node leads.
    pub fn initial(shard: usize, nodes: usize, replicas: usize) -> Self {
        let first = |node| Member {
            node,
            incarnation: 1,
        };
        Self {
            version: 0,
            epoch: 0,
            leader: first(shard),
            in_sync: placement::replicas(shard, nodes, replicas)
                .map(first)
                .collect(),
        }
    }

    /// Returns the next version, with other members in sync.
    pub fn with_in_sync(&self, in_sync: Vec<Member>) -> Self {
        Self {
            version: self.version + 1,
            in_sync,
            ..*self
        }
    }

    /// Returns the next version, in a new epoch of `leader`, which must have been in sync.
    pub fn led_by(&self, leader: Member, in_sync: Vec<Member>) -> Self {
        Self {
            version: self.version + 1,
            epoch: self.epoch + 1,
            leader,
            in_sync,
        }
    }

    /// Returns whether a member is in sync, and so has all committed entries.
    pub fn includes(&self, member: Member) -> bool {
        self.in_sync.contains(&member)
    }
}

/// A change of a leadership record, for [`change`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The shard.
    pub shard: usize,
    /// The record that the proposer knows.
    pub from: Leadership,
    /// The next one; the same one, to learn which is in force.
    pub to: Leadership,
}

/// The value that lin-kv holds about the incarnations of a node.
#[derive(Serialize, Deserialize)]
struct Incarnations {
    count: u64,
    /// Random number of the latest incarnation, by which it recognises its own entry after a reply
    /// was lost.
    token: u32,
}

/// Counts a new incarnation of this node in lin-kv and returns its number. Transient errors are
/// retried without limit.
///
/// # Errors
///
/// Any other error of lin-kv. The incarnation may have been counted.
pub async fn begin_incarnation(cx: &Context) -> Result<u64> {
    let key = format!("kafka/incarnations/{}", cx.id());
    let token = cx.rng().random();
    cx.retry(Backoff::default(), async || {
        let lin_kv = cx.lin_kv();
        let first = Incarnations { count: 1, token };
        match lin_kv.create_if_absent(&key, first).await {
            Ok(()) => return Ok(1),
            Err(error) if error.code == ErrorCode::PreconditionFailed => {}
            Err(error) => return Err(error),
        }
        let counted = |known: Option<Incarnations>| match known {
            Some(known) if known.token == token => known,
            known => Incarnations {
                count: known.map_or(0, |known| known.count) + 1,
                token,
            },
        };
        Ok(lin_kv.update(&key, counted).await?.count)
    })
    .await
}

/// Makes a change in lin-kv and returns the record that is in force afterwards: `proposal.to`, or
/// another one if `proposal.from` was not in force. When this returns a record, the change has been
/// made or never will be. Transient errors are retried without limit.
///
/// # Errors
///
/// Any other error of lin-kv. The change may have been made by an earlier attempt, or may still be
/// made.
pub async fn change(cx: &Context, proposal: &Proposal) -> Result<Leadership> {
    let Proposal { shard, from, to } = proposal;
    let key = format!("kafka/leadership/{shard}");
    cx.retry(Backoff::default(), async || {
        let lin_kv = cx.lin_kv();
        let changed = match from.version {
            0 => lin_kv.compare_and_set_or_create(&key, from, to).await,
            _ => lin_kv.compare_and_set(&key, from, to).await,
        };
        match changed {
            Ok(()) => Ok(to.clone()),
            Err(error) if error.code == ErrorCode::PreconditionFailed => {
                let current: Option<Leadership> = lin_kv.read(&key).await?;
                current.ok_or(error)
            }
            Err(error) => Err(error),
        }
    })
    .await
}
