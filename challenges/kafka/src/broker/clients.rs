//! What clients want of a broker.

use std::collections::BTreeMap;
use std::rc::Rc;

use glomers::prelude::*;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Broker;
use crate::link::LAZY;
use crate::placement;

/// A reader gets at most so many messages of a key at a time.
const POLL_MAX: usize = 1000;

/// A request on its way, for [`Broker::withdraw`].
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    shard: usize,
    number: u64,
}

impl Broker {
    /// Takes a message for a log. Its offset comes on the channel once it is committed.
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

    /// Takes a message back that has not gone anywhere; whether it could be.
    pub fn withdraw(&mut self, ticket: Ticket) -> bool {
        self.shards[ticket.shard].requests.withdraw(ticket.number)
    }

    /// Committed messages from these offsets on, as far as this node knows them. Keys with nothing
    /// to read are left out.
    pub fn poll(&self, from: &BTreeMap<Rc<str>, u64>) -> BTreeMap<Rc<str>, Vec<(u64, Value)>> {
        let tail = |(key, from): (&Rc<str>, &u64)| {
            let journal = &self.shards[self.shard_of(key)].journal;
            let messages = journal.read(key, *from, POLL_MAX)?.into_iter();
            let messages = messages.map(|(offset, msg)| (offset, msg.clone()));
            Some((key.clone(), messages.collect()))
        };
        from.iter().filter_map(tail).collect()
    }

    /// Commits consumers' offsets: the highest counts, here at once, elsewhere soon.
    pub fn commit_offsets(&mut self, offsets: BTreeMap<Rc<str>, u64>, now: Instant) {
        for (key, offset) in offsets {
            if !self.raise_offset(&key, offset) {
                continue;
            }
            for link in self.others() {
                link.offsets.insert(key.clone(), None);
                link.send_by(now + LAZY);
            }
        }
    }

    /// The committed offsets of these keys, as far as this node knows them.
    pub fn committed_offsets(&self, keys: Vec<Rc<str>>) -> BTreeMap<Rc<str>, u64> {
        let known = keys
            .into_iter()
            .filter_map(|key| self.offsets.get(&key).map(|offset| (key, *offset)));
        known.collect()
    }

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
