//! What a leader knows about each follower (Figure 2, "volatile state on leaders").

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use glomers::NodeId;

use super::Config;
use super::reads::PendingRead;
use crate::message::Index;

/// Volatile state on leaders.
#[derive(Debug, Default)]
pub(super) struct Leader {
    /// The servers that receive the log: all other voters, the learner, and servers that are to learn
    /// of their removal.
    pub(super) followers: BTreeMap<NodeId, Progress>,
    pub(super) learner: Option<Learner>,
    /// Number of the latest round of AppendEntries requests.
    pub(super) round: u64,
    pub(super) reads: VecDeque<PendingRead>,
    /// Uncommitted entries that a follower forwarded, with that follower.
    pub(super) forwarded: BTreeMap<Index, NodeId>,
    /// Time of the last heartbeats that were sent during a write.
    pub(super) heartbeat_at: Duration,
}

/// A server that catches up before it becomes a voter.
#[derive(Debug)]
pub(super) struct Learner {
    pub(super) id: NodeId,
    /// Index of the last entry when the present round of catching up began.
    pub(super) round_end: Index,
    pub(super) round_began_at: Duration,
    /// True if the last round took less than an election timeout.
    pub(super) is_caught_up: bool,
}

/// A follower as its leader sees it.
#[derive(Debug)]
pub(super) struct Progress {
    /// Index of the next log entry to send.
    pub(super) next_index: Index,
    /// Index of the highest log entry known to be replicated.
    pub(super) match_index: Index,
    /// True while the leader searches for the index where the logs agree, one message at a time.
    pub(super) probing: bool,
    /// Last included index of the snapshot being sent, and the number of its bytes that arrived.
    pub(super) transfer: (Index, usize),
    /// Time of the last message that the follower has to answer; `None` makes the next one due.
    pub(super) sent_at: Option<Duration>,
    /// Time of the last answer.
    pub(super) heard_at: Duration,
    /// The latest round that the follower has answered.
    pub(super) answered_round: u64,
    /// The latest round that the follower was sent.
    pub(super) sent_round: u64,
    /// True if an entry that the follower forwarded is committed and it was not yet sent the new
    /// commit index.
    pub(super) owed_commit: bool,
    /// Index up to which a server that does not vote must store the log to know that it does not.
    pub(super) informed_at: Index,
}

impl Leader {
    /// Creates the state of a new leader. `next_index` is the index after its last entry; a follower
    /// counts as heard from until `heard_at`.
    pub(super) fn new(peers: &[NodeId], next_index: Index, heard_at: Duration) -> Self {
        let follower = |peer: &NodeId| (peer.clone(), Progress::new(next_index, heard_at));
        Self {
            followers: peers.iter().map(follower).collect(),
            ..Self::default()
        }
    }

    /// Returns the time at which the next heartbeat is due.
    pub(super) fn deadline(&self, config: &Config) -> Duration {
        let due = |follower: &Progress| match follower.sent_at {
            Some(sent_at) => sent_at + config.heartbeat_interval,
            None => Duration::ZERO,
        };
        let earliest = self.followers.values().map(due).min();
        earliest.unwrap_or(Duration::MAX)
    }
}

impl Progress {
    /// Creates the state of a follower of which nothing is known. It counts as heard from until
    /// `heard_at`.
    pub(super) fn new(next_index: Index, heard_at: Duration) -> Self {
        Self {
            next_index,
            match_index: 0,
            probing: false,
            transfer: (0, 0),
            sent_at: None,
            heard_at,
            answered_round: 0,
            sent_round: 0,
            owed_commit: false,
            informed_at: 0,
        }
    }
}
