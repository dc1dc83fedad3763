//! Messages between servers: the remote procedure calls of the paper's Figures 2 and 13 as one-way
//! messages that may be lost, duplicated and reordered.
//!
//! Every message carries its sender's term. The rule that all of Raft rests on ("if a message
//! contains a higher term, become a follower of that term") is therefore applied in one place,
//! before the content of the message is looked at.

use std::rc::Rc;

use glomers::NodeId;
use serde::{Deserialize, Serialize};

/// Number of a term: a period with at most one leader. A server's term never decreases.
pub type Term = u64;

/// Position in the log. The first entry has index 1; 0 is the position before it.
pub type Index = u64;

/// Identifier of a read that waits for its index; unique among all reads of the server that asks.
pub type ReadId = u64;

/// The configuration of a cluster: the servers that vote, of which a majority elects leaders and
/// commits entries. The order has no meaning.
pub type Voters = Rc<[NodeId]>;

/// A message from one server to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet<C> {
    /// The sender's current term.
    pub term: Term,
    /// The request or reply.
    pub rpc: Rpc<C>,
}

/// A log entry: a command, a configuration or neither, and the term in which the leader received it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<C> {
    /// Position in the log.
    pub index: Index,
    /// Term of the leader that appended the entry.
    pub term: Term,
    /// Command for the state machine; `None` for the entry that each new leader appends and for a
    /// configuration.
    pub command: Option<C>,
    /// The configuration from this entry on; `None` if the entry does not change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voters: Option<Voters>,
}

/// The requests and replies between servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rpc<C> {
    /// Asks whether the receiver would vote for the sender in the term after this one. The reply
    /// commits the receiver to nothing.
    PreVote {
        /// Index of the candidate's last log entry.
        last_log_index: Index,
        /// Term of the candidate's last log entry.
        last_log_term: Term,
    },
    /// The reply to [`PreVote`](Self::PreVote).
    PreVoteReply {
        /// True means that the candidate may hold its election.
        granted: bool,
        /// The configuration of the sender, if the candidate does not vote in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        voters: Option<Voters>,
    },
    /// Invoked by candidates to gather votes (§5.2).
    RequestVote {
        /// Index of the candidate's last log entry.
        last_log_index: Index,
        /// Term of the candidate's last log entry.
        last_log_term: Term,
    },
    /// The reply to [`RequestVote`](Self::RequestVote).
    RequestVoteReply {
        /// True means that the candidate received the vote.
        vote_granted: bool,
    },
    /// Invoked by the leader to replicate log entries (§5.3); also used as heartbeat (§5.2).
    AppendEntries {
        /// Index of the log entry immediately preceding the new ones.
        prev_log_index: Index,
        /// Term of that entry.
        prev_log_term: Term,
        /// Log entries to store; none for a heartbeat.
        entries: Vec<Entry<C>>,
        /// The leader's `commit_index`.
        leader_commit: Index,
        /// Number that the reply repeats. The reply proves that the sender was still the leader
        /// after it had begun this round (§8, reads).
        round: u64,
    },
    /// The reply to [`AppendEntries`](Self::AppendEntries).
    AppendEntriesReply {
        /// Whether the follower's log contained the preceding entry.
        outcome: Appended,
        /// The round of the request.
        round: u64,
    },
    /// Invoked by the leader to send chunks of a snapshot to a follower that is too far behind
    /// (§7).
    InstallSnapshot {
        /// The snapshot replaces all entries up to and including this index.
        last_included_index: Index,
        /// Term of that entry.
        last_included_term: Term,
        /// The configuration at that entry; `None` if it is still the first one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        voters: Option<Voters>,
        /// Where this chunk is positioned in the snapshot, in bytes.
        offset: usize,
        /// The chunk, starting at `offset`.
        data: Rc<str>,
        /// True if this is the last chunk.
        done: bool,
    },
    /// The reply to [`InstallSnapshot`](Self::InstallSnapshot).
    InstallSnapshotReply {
        /// Last included index of the snapshot in question.
        last_included_index: Index,
        /// Number of bytes of the snapshot that the follower has.
        received: usize,
        /// True if the follower's state includes the snapshot, so that no more chunks are needed.
        installed: bool,
    },
    /// Forwards commands of a follower's clients to the leader.
    Propose {
        /// The commands.
        commands: Vec<C>,
    },
    /// Asks the leader how far a follower must have applied the log to serve a read.
    ///
    /// The request also states that its sender knew of no later term when it sent the request.
    ReadIndex {
        /// Identifier of the read.
        id: ReadId,
    },
    /// The reply to [`ReadIndex`](Self::ReadIndex), sent once everything up to `index` is committed.
    ReadIndexReply {
        /// Identifier of the read.
        id: ReadId,
        /// Index up to which the log must be applied before the read is served.
        index: Index,
    },
}

/// The outcome of an [`AppendEntries`](Rpc::AppendEntries) request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Appended {
    /// The follower's log is identical to the leader's up to this index.
    Matched(Index),
    /// The logs differ at the preceding entry.
    Conflict {
        /// The preceding index of the request.
        prev_log_index: Index,
        /// The term of the follower's entry there; none if its log is too short.
        term: Option<Term>,
        /// The first index that the follower stores for that term; if its log is too short, the
        /// index after its last entry.
        index: Index,
    },
}

/// The state of the state machine after all entries up to an index were applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Index of the last entry that the snapshot replaces.
    pub last_included_index: Index,
    /// Term of that entry.
    pub last_included_term: Term,
    /// The configuration at that entry; `None` if it is still the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voters: Option<Voters>,
    /// The state as the state machine serialises it.
    pub data: Rc<str>,
}

/// A command that a log can carry.
pub trait Command: Clone {
    /// Returns the approximate size of the command on the wire, in bytes. Messages are filled up to
    /// a limit by it.
    fn size_bytes(&self) -> usize;
}
