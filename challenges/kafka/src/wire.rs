//! The message between brokers: one type of message, which carries everything that is owed.
//!
//! A message may be lost, repeated or reordered. Entries and requests are numbered,
//! acknowledgements are cumulative, and committed offsets are merged by maximum. Every part is a
//! statement about the moment when it was sent, and the receiver concludes nothing more from it.

use std::collections::BTreeMap;
use std::rc::Rc;

use glomers::prelude::*;

use crate::journal::Entry;
use crate::leadership::Leadership;

/// Pairs of a shard's number and something about that shard.
pub type ByShard<T> = Vec<(usize, T)>;

/// Everything that one broker has to send to another at one time.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Batch {
    /// The sender's incarnation.
    pub incarnation: u64,
    /// The receiver's incarnation, as far as the sender knows it; 0 if it does not. A message for
    /// an earlier incarnation is ignored.
    pub to_incarnation: u64,
    /// The number of this message, if it wants an acknowledgement. Messages that only acknowledge
    /// have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The highest number received from the receiver.
    pub received: u64,
    /// Microseconds after which a client needs the reply, if one waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_within_us: Option<u64>,
    /// Leadership records that the receiver may not know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaderships: ByShard<Leadership>,
    /// Entries of shards that the sender leads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub appended: ByShard<Appended>,
    /// Acknowledgements for shards that the receiver leads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acks: ByShard<Ack>,
    /// Requests for shards that the receiver leads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forwarded: ByShard<Forwarded>,
    /// Consumers' committed offsets, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub offsets: BTreeMap<Rc<str>, u64>,
}

/// A leader's message to a follower.
#[derive(Debug, Serialize, Deserialize)]
pub struct Appended {
    /// The version of the leadership record under which this was sent.
    pub version: u64,
    /// Its epoch.
    pub epoch: u64,
    /// Length of the leader's journal at the beginning of the epoch.
    pub base: usize,
    /// The position of the first of the entries.
    pub from: usize,
    /// Consecutive entries of the leader's journal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
    /// Number of entries that were committed.
    pub committed: usize,
    /// Whether a member was joining those in sync, without which nothing could be committed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joining: bool,
}

impl Appended {
    /// Returns the position after the last of the entries. The leader's journal was at least this
    /// long when the message was sent.
    pub fn until(&self) -> usize {
        self.from + self.entries.len()
    }
}

/// A follower's message to its leader.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ack {
    /// The version of the leadership record that the follower knows.
    pub version: u64,
    /// The epoch of the journal that it acknowledges.
    pub epoch: u64,
    /// Number of entries of the leader's journal that it has.
    pub position: usize,
    /// Number of entries that it knows to be committed.
    pub committed: usize,
    /// Whether the leader must send again from `position` on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resend: bool,
}

/// Requests that a node took from its clients for a shard of another leader.
#[derive(Debug, Serialize, Deserialize)]
pub struct Forwarded {
    /// The number of the first request; the others have the numbers after it.
    pub first: u64,
    /// Keys and messages.
    pub requests: Vec<(Rc<str>, Value)>,
}
