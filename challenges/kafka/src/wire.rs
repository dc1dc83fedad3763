//! What brokers tell each other: one type of message, in which everything rides that is owed.
//!
//! Nothing here depends on a message arriving, arriving once, or arriving in order. Entries and
//! requests are numbered, acknowledgements are cumulative, committed offsets are merged by maximum.

use std::collections::BTreeMap;
use std::rc::Rc;

use glomers::prelude::*;

use crate::journal::Entry;
use crate::leadership::Leadership;

/// Something for each of some shards.
pub type ByShard<T> = Vec<(usize, T)>;

/// All that one broker has to tell another at a time.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Batch {
    /// The sender's life.
    pub life: u64,
    /// The receiver's life, as far as the sender knows it; 0 if it does not. What is meant for a
    /// former life means nothing to the present one.
    pub to_life: u64,
    /// Numbers the messages that want to be heard of; those that only acknowledge have no number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The highest number heard from the receiver.
    pub heard: u64,
    /// How soon somebody needs an answer, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_us: Option<u64>,
    /// Leaderships that the receiver may not know, by shard.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaderships: ByShard<Leadership>,
    /// Of shards that the sender leads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub appended: ByShard<Appended>,
    /// Of shards that the receiver leads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acks: ByShard<Ack>,
    /// For shards that the receiver leads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forwarded: ByShard<Forwarded>,
    /// Consumers' committed offsets, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub offsets: BTreeMap<Rc<str>, u64>,
}

/// A leader's news for a follower.
#[derive(Debug, Serialize, Deserialize)]
pub struct Appended {
    /// The version of the leadership under which this was said.
    pub version: u64,
    /// Its epoch.
    pub epoch: u64,
    /// How long the leader's journal was when the epoch began.
    pub base: usize,
    /// The position of the first of the entries.
    pub from: usize,
    /// A piece of the leader's journal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
    /// So many entries of the journal are committed.
    pub committed: usize,
    /// Somebody is about to join those who are in sync, and counts already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joining: bool,
}

/// A follower's answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ack {
    /// The version of the leadership that the follower knows.
    pub version: u64,
    /// The epoch of the journal that it speaks of.
    pub epoch: u64,
    /// So many entries of the leader's journal it has.
    pub position: usize,
    /// So many it knows to be committed.
    pub committed: usize,
    /// It cannot use what comes after its position, which must be sent again from there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resend: bool,
}

/// Requests that their origin took from clients.
#[derive(Debug, Serialize, Deserialize)]
pub struct Forwarded {
    /// The number of the first; the others follow it.
    pub first: u64,
    /// Keys and messages.
    pub requests: Vec<(Rc<str>, Value)>,
}
