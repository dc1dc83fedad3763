//! Who leads a shard, and who is in sync with it: the one thing that all nodes must agree on.
//!
//! It lives in lin-kv, where a change is a compare-and-set from the version that the proposer knew;
//! so of two changes to one version, one fails. This is the division of labour of PacificA (Lin et
//! al., 2008) and of Kafka with its controller: a small linearizable store decides who may act, and
//! is asked only when that changes; the data never go through it.

use glomers::prelude::*;

use crate::placement;

/// One life of a node, from its start until it is killed. Nodes forget everything then, so whatever
/// one relies on another to *know* is said of a life, never of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(usize, u64)", into = "(usize, u64)")]
pub struct Incarnation {
    /// The node, as a position in the list of all nodes.
    pub node: usize,
    /// Which of its lives, from 1 on.
    pub life: u64,
}

impl From<(usize, u64)> for Incarnation {
    fn from((node, life): (usize, u64)) -> Self {
        Self { node, life }
    }
}

impl From<Incarnation> for (usize, u64) {
    fn from(Incarnation { node, life }: Incarnation) -> Self {
        (node, life)
    }
}

/// Who leads a shard. What is committed in it is known to every node that is in sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leadership {
    /// Counts the changes.
    pub version: u64,
    /// Counts the changes of the leader. Within one epoch there is one journal, which only grows.
    pub epoch: u64,
    /// The only one that appends.
    pub leader: Incarnation,
    /// Those that must have stored an entry before it counts; the leader is one of them.
    pub in_sync: Vec<Incarnation>,
}

impl Leadership {
    /// What holds as long as nobody has changed it: every node is in its first life, and the shard
    /// is at home.
    pub fn initial(shard: usize, nodes: usize, replicas: usize) -> Self {
        let first = |node| Incarnation { node, life: 1 };
        Self {
            version: 0,
            epoch: 0,
            leader: first(shard),
            in_sync: placement::replicas(shard, nodes, replicas)
                .map(first)
                .collect(),
        }
    }

    /// The next version, with others in sync.
    pub fn with_in_sync(&self, in_sync: Vec<Incarnation>) -> Self {
        Self {
            version: self.version + 1,
            in_sync,
            ..*self
        }
    }

    /// The next version, led by `leader`, who must have been in sync, together with these.
    pub fn led_by(&self, leader: Incarnation, in_sync: Vec<Incarnation>) -> Self {
        Self {
            version: self.version + 1,
            epoch: self.epoch + 1,
            leader,
            in_sync,
        }
    }

    /// Whether this life knows all that is committed.
    pub fn includes(&self, incarnation: Incarnation) -> bool {
        self.in_sync.contains(&incarnation)
    }
}

/// What lin-kv knows of a node's lives.
#[derive(Serialize, Deserialize)]
struct Lives {
    count: u64,
    /// Drawn by the latest life, so that it knows its own entry when the answer was lost.
    token: u32,
}

/// Counts a new life of this node in lin-kv, and returns its number. Tries until it succeeds.
///
/// # Errors
///
/// If lin-kv holds something else under this key.
pub async fn begin_life(cx: &Context) -> Result<u64> {
    let key = format!("kafka/lives/{}", cx.id());
    let token = cx.rng().random();
    cx.retry(Backoff::default(), async || {
        let lin_kv = cx.lin_kv();
        match lin_kv
            .create_if_absent(&key, Lives { count: 1, token })
            .await
        {
            Ok(()) => return Ok(1),
            Err(error) if error.code == ErrorCode::PreconditionFailed => {}
            Err(error) => return Err(error),
        }
        let counted = |lives: Option<Lives>| match lives {
            Some(lives) if lives.token == token => lives,
            lives => Lives {
                count: lives.map_or(0, |lives| lives.count) + 1,
                token,
            },
        };
        Ok(lin_kv.update(&key, counted).await?.count)
    })
    .await
}

/// Proposes to change a shard's leadership, and returns what is in force afterwards: `to`, or what
/// somebody else had made of it before. When this returns, `to` is in force or never will be.
///
/// # Errors
///
/// If lin-kv holds something else under this key.
pub async fn change(
    cx: &Context,
    shard: usize,
    from: &Leadership,
    to: &Leadership,
) -> Result<Leadership> {
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
