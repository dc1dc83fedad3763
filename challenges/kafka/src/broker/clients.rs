//! The requests of clients: sends, polls, and consumers' committed offsets.

use std::collections::BTreeMap;
use std::rc::Rc;

use glomers::prelude::*;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Broker;
use crate::link::BACKGROUND_SEND_DELAY;
use crate::placement;

/// Largest number of messages of one key in the reply to a poll.
const MAX_POLL_MESSAGES: usize = 1000;

/// An unanswered send, for [`Broker::withdraw`].
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    shard: usize,
    number: u64,
}

impl Broker {
    /// Takes a message for a log. Its offset is sent on the channel once it is committed.
    pub fn submit(
        &mut self,
        key: Rc<str>,
        msg: Value,
        now: Instant,
    ) -> (Ticket, oneshot::Receiver<u64>) {
        let shard = self.shard_of(&key);
        let (number, offset) = self.shards[shard].requests.hold(key, msg);
        self.release(shard, now);
        (Ticket { shard, number }, offset)
    }

    /// Withdraws a send that has not left this node, and returns whether it could be withdrawn.
    pub fn withdraw(&mut self, ticket: Ticket) -> bool {
        self.shards[ticket.shard].requests.withdraw(ticket.number)
    }

    /// Returns the committed messages from these offsets on that this node has. Keys without such
    /// messages are left out.
    pub fn poll(&self, from: &BTreeMap<Rc<str>, u64>) -> BTreeMap<Rc<str>, Vec<(u64, Value)>> {
        let tail = |(key, from): (&Rc<str>, &u64)| {
            let journal = &self.shards[self.shard_of(key)].journal;
            let messages = journal.read(key, *from, MAX_POLL_MESSAGES)?.into_iter();
            let messages = messages.map(|(offset, msg)| (offset, msg.clone()));
            Some((key.clone(), messages.collect()))
        };
        from.iter().filter_map(tail).collect()
    }

    /// Commits consumers' offsets, here at once and on other nodes soon. The highest one counts.
    pub fn commit_offsets(&mut self, offsets: BTreeMap<Rc<str>, u64>, now: Instant) {
        for (key, offset) in offsets {
            if !self.raise_offset(&key, offset) {
                continue;
            }
            for link in self.other_links() {
                link.offsets.insert(key.clone(), None);
                link.send_by(now + BACKGROUND_SEND_DELAY);
            }
        }
    }

    /// Returns the committed offsets of these keys that this node knows.
    pub fn committed_offsets(&self, keys: Vec<Rc<str>>) -> BTreeMap<Rc<str>, u64> {
        let known = keys
            .into_iter()
            .filter_map(|key| self.offsets.get(&key).map(|offset| (key, *offset)));
        known.collect()
    }

    /// Raises a committed offset, and returns whether it was lower.
    pub(super) fn raise_offset(&mut self, key: &Rc<str>, offset: u64) -> bool {
        match self.offsets.get_mut(key) {
            Some(known) if *known >= offset => false,
            Some(known) => {
                *known = offset;
                true
            }
            None => self.offsets.insert(key.clone(), offset).is_none(),
        }
    }

    fn shard_of(&self, key: &str) -> usize {
        placement::shard_of(key, self.shards.len())
    }
}
