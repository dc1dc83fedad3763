//! The messages between voters. Any of them may be lost, duplicated, delayed and reordered.

use serde::{Deserialize, Serialize};

use crate::Term;

/// A message and the term that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// The term: the next one for a pre-vote, otherwise the sender's current one.
    pub term: Term,
    /// The message.
    pub message: Message,
}

/// The requests and replies of an election and of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// The sender asks whether the receiver would vote for it in this term. Changes no term.
    PreVote,
    /// The receiver of a pre-vote would vote for its sender.
    PreVoteGranted,
    /// The sender asks for the receiver's vote in this term.
    Vote,
    /// The vote, which is on the voter's disk.
    VoteGranted,
    /// The sender leads and asks for its lease to be renewed.
    Renew {
        /// The time at which the leader sent it, in microseconds of the leader's own clock. Only
        /// the leader interprets it.
        sent_at_micros: u64,
        /// Whether the leader waits for [`Renewed`](Self::Renewed).
        reply: bool,
    },
    /// The sender votes for no other node until its promise has run out.
    Renewed {
        /// `sent_at_micros` of the renewal.
        sent_at_micros: u64,
    },
    /// The request is of an earlier term than the sender's.
    Refused,
}
