//! A shard's journal: all messages of all its keys in one order.
//!
//! With one sequence per shard instead of one per key, nodes exchange a single number about a
//! shard: a replica is a prefix of its leader's journal, and "I have 713 entries" acknowledges all
//! of them. The log of a key is derived from the committed part: the key's *n*-th committed message
//! has offset *n*. Offsets are therefore dense, and every node computes the same ones.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use glomers::prelude::*;

use crate::leadership::Member;

/// A message in a journal, with the request that it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Record", into = "Record")]
pub struct Entry {
    /// The key of the log that the message belongs to.
    pub key: Rc<str>,
    /// The client's message.
    pub msg: Value,
    /// The member that took the request from the client.
    pub origin: Member,
    /// The number of the request among the origin's requests to this shard, from 1 on.
    pub number: u64,
}

/// An entry on the wire, as an array to keep it short.
type Record = (Rc<str>, Value, Member, u64);

impl From<Record> for Entry {
    fn from((key, msg, origin, number): Record) -> Self {
        Self {
            key,
            msg,
            origin,
            number,
        }
    }
}

impl From<Entry> for Record {
    fn from(entry: Entry) -> Self {
        (entry.key, entry.msg, entry.origin, entry.number)
    }
}

/// The request and the offset of an entry that has just been committed.
#[derive(Debug, PartialEq, Eq)]
pub struct Committed {
    /// The member that took the request.
    pub origin: Member,
    /// The number of the request.
    pub number: u64,
    /// The offset of the message in the log of its key.
    pub offset: u64,
}

/// The journal of a shard, as far as this node has it.
#[derive(Debug, Default)]
pub struct Journal {
    entries: Vec<Entry>,
    /// Number of entries that are committed and never change.
    committed: usize,
    /// By key, the positions of its committed messages in `entries`.
    logs: BTreeMap<Rc<str>, Vec<usize>>,
    /// By node, the incarnation and the number of its latest request in `entries`.
    latest: BTreeMap<usize, (u64, u64)>,
}

impl Journal {
    /// Returns the number of entries, committed or not.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the number of committed entries.
    pub fn committed(&self) -> usize {
        self.committed
    }

    /// Returns the entries at these positions.
    pub fn entries(&self, range: Range<usize>) -> &[Entry] {
        &self.entries[range]
    }

    /// Appends a new request if it is its origin's next one, and returns whether it is. A request
    /// may therefore be sent again without being stored twice.
    pub fn append_next(&mut self, entry: Entry) -> bool {
        let Member { node, incarnation } = entry.origin;
        let next = match self.latest.get(&node) {
            Some(&(latest, number)) if latest == incarnation => number + 1,
            Some(&(latest, _)) if latest > incarnation => return false,
            _ => 1,
        };
        let is_next = entry.number == next;
        if is_next {
            self.append(entry);
        }
        is_next
    }

    /// Appends an entry of the leader's journal.
    pub fn append(&mut self, entry: Entry) {
        let origin = entry.origin;
        self.latest
            .insert(origin.node, (origin.incarnation, entry.number));
        self.entries.push(entry);
    }

    /// Removes all entries that are not committed.
    pub fn forget_uncommitted(&mut self) {
        self.entries.truncate(self.committed);
        self.latest.clear();
        for Entry { origin, number, .. } in &self.entries {
            self.latest
                .insert(origin.node, (origin.incarnation, *number));
        }
    }

    /// Commits the first `count` entries, or all if there are fewer, and returns those that were
    /// not committed before.
    pub fn commit(&mut self, count: usize) -> Vec<Committed> {
        let count = count.clamp(self.committed, self.entries.len());
        let range = self.committed..count;
        self.committed = count;
        range
            .map(|position| {
                let entry = &self.entries[position];
                let log = self.logs.entry(entry.key.clone()).or_default();
                log.push(position);
                Committed {
                    origin: entry.origin,
                    number: entry.number,
                    offset: log.len() as u64 - 1,
                }
            })
            .collect()
    }

    /// Returns at most `limit` committed messages of a key from an offset on, without gaps, or
    /// `None` if there are none.
    pub fn read(&self, key: &str, from: u64, limit: usize) -> Option<Vec<(u64, &Value)>> {
        let positions = self.logs.get(key)?;
        let tail = positions.get(usize::try_from(from).ok()?..)?;
        let messages = (from..).zip(tail.iter().map(|position| &self.entries[*position].msg));
        (!tail.is_empty()).then(|| messages.take(limit).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, node: usize, incarnation: u64, number: u64) -> Entry {
        Entry {
            key: key.into(),
            msg: number.into(),
            origin: Member { node, incarnation },
            number,
        }
    }

    #[test]
    fn offsets_count_the_committed_messages_of_a_key() {
        let mut journal = Journal::default();
        for (number, key) in (1..).zip(["a", "b", "a", "a"]) {
            assert!(journal.append_next(entry(key, 0, 1, number)));
        }
        let offsets: Vec<u64> = journal.commit(3).iter().map(|c| c.offset).collect();
        assert_eq!(offsets, [0, 0, 1]);
        let messages = |from| journal.read("a", from, 10);
        assert_eq!(messages(0), Some(vec![(0, &1.into()), (1, &3.into())]));
        assert_eq!(messages(1), Some(vec![(1, &3.into())]));
        assert_eq!(messages(2), None, "the last message is not committed");
        assert_eq!(journal.read("a", u64::MAX, 10), None);
        assert_eq!(journal.read("c", 0, 10), None);
    }

    #[test]
    fn request_is_stored_once_and_in_its_origins_order() {
        let mut journal = Journal::default();
        assert!(journal.append_next(entry("a", 0, 1, 1)));
        assert!(!journal.append_next(entry("a", 0, 1, 1)), "repeated");
        assert!(!journal.append_next(entry("a", 0, 1, 3)), "2 is missing");
        assert!(journal.append_next(entry("a", 1, 1, 1)), "another node");
        assert!(journal.append_next(entry("a", 0, 2, 1)), "restarted");
        assert!(!journal.append_next(entry("a", 0, 1, 2)), "from before");
        assert_eq!(journal.len(), 3);
    }

    #[test]
    fn forgotten_entry_can_be_appended_again() {
        let mut journal = Journal::default();
        journal.append(entry("a", 0, 1, 1));
        journal.commit(1);
        journal.append(entry("a", 0, 1, 2));
        journal.forget_uncommitted();
        assert_eq!((journal.len(), journal.committed()), (1, 1));
        assert!(journal.append_next(entry("a", 0, 1, 2)));
    }
}
