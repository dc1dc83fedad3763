//! What servers say to each other: the remote procedure calls of the paper's Figures 2 and 13, as
//! messages that may be lost, doubled and reordered.
//!
//! Every message carries its sender's term, so the rule that all of Raft rests on ("if a message
//! contains a higher term, become a follower of that term") is applied in one place, before anybody
//! looks at what the message says.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// The number of a leader's reign. Every server moves through terms upwards only.
pub type Term = u64;

/// A place in the log. The first entry has index 1; 0 is the place before it.
pub type Index = u64;

/// Names a read that waits for its index; unique among all reads of the server that asks.
pub type ReadId = u64;

/// A message from one server to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet<C> {
    /// The sender's current term.
    pub term: Term,
    /// What it says.
    pub rpc: Rpc<C>,
}

/// Something to be replicated, and who was leader when it entered the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<C> {
    /// Its place in the log.
    pub index: Index,
    /// The term of the leader that put it there.
    pub term: Term,
    /// What the state machine is to do; nothing, for the entry with which a leader begins.
    pub command: Option<C>,
}

/// The requests and replies between servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rpc<C> {
    /// Would you vote for me in the term after this one? Binds nobody.
    PreVote {
        /// Index of the candidate's last log entry.
        last_log_index: Index,
        /// Term of the candidate's last log entry.
        last_log_term: Term,
    },
    /// The answer to [`PreVote`](Self::PreVote).
    PreVoteReply {
        /// True means that the candidate may hold its election.
        granted: bool,
    },
    /// Invoked by candidates to gather votes (§5.2).
    RequestVote {
        /// Index of the candidate's last log entry.
        last_log_index: Index,
        /// Term of the candidate's last log entry.
        last_log_term: Term,
    },
    /// The answer to [`RequestVote`](Self::RequestVote).
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
        /// Comes back in the reply, and tells the leader that it was still leader after it had
        /// begun this round (§8, reads).
        round: u64,
    },
    /// The answer to [`AppendEntries`](Self::AppendEntries).
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
        /// Where this chunk is positioned in the snapshot, in bytes.
        offset: usize,
        /// The chunk, starting at `offset`.
        data: Rc<str>,
        /// True if this is the last chunk.
        done: bool,
    },
    /// The answer to [`InstallSnapshot`](Self::InstallSnapshot).
    InstallSnapshotReply {
        /// Which snapshot it is about.
        last_included_index: Index,
        /// How many bytes of it the follower has.
        received: usize,
        /// The follower's state includes it; no more of it is needed.
        installed: bool,
    },
    /// From a follower to its leader: commands of the follower's clients.
    Propose {
        /// The commands.
        commands: Vec<C>,
    },
    /// From a follower to its leader: how far must I have applied the log to serve a read?
    ///
    /// It says, too, that at this moment its sender knew of no later term.
    ReadIndex {
        /// Names the read.
        id: ReadId,
    },
    /// The answer to [`ReadIndex`](Self::ReadIndex), once everything up to `index` is committed.
    ReadIndexReply {
        /// Which read.
        id: ReadId,
        /// Applying the log as far as here is enough.
        index: Index,
    },
}

/// What became of an [`AppendEntries`](Rpc::AppendEntries).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Appended {
    /// The follower's log is the leader's up to here.
    Matched(Index),
    /// The logs differ at the preceding entry.
    Conflict {
        /// The preceding index of the request.
        prev_log_index: Index,
        /// The term of the follower's entry there; none if its log is too short.
        term: Option<Term>,
        /// The first index that the follower stores for that term; if its log is too short, the
        /// one after its last.
        index: Index,
    },
}

/// What the state machine had become once everything up to an index was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The last index that it includes.
    pub last_included_index: Index,
    /// The term of that entry.
    pub last_included_term: Term,
    /// The state, in the state machine's own words.
    pub data: Rc<str>,
}

/// What a log carries.
pub trait Command: Clone {
    /// How many bytes it takes on the wire, roughly: messages are filled by it.
    fn size_bytes(&self) -> usize;
}
