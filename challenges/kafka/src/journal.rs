//! A shard's journal: all messages of all its keys in one order, and the logs of the keys in it.
//!
//! One sequence per shard instead of one per key makes everything between nodes a single number: a
//! replica is a prefix of its leader's journal, and "I have 713" acknowledges it all. A key's log is
//! read off the committed part: its *n*-th committed message has offset *n*. So offsets are dense,
//! and every node counts the same ones without being told.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use glomers::prelude::*;

use crate::leadership::Incarnation;

/// A message in a journal, with the name of the request that brought it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Record", into = "Record")]
pub struct Entry {
    /// The key whose log it belongs to.
    pub key: Rc<str>,
    /// What the client sent.
    pub msg: Value,
    /// Who took the request from a client.
    pub origin: Incarnation,
    /// Which of the origin's requests to this shard it is, from 1 on.
    pub number: u64,
}

/// An entry on the wire: short, since it goes to every node.
type Record = (Rc<str>, Value, Incarnation, u64);

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

/// An entry that has just been committed.
#[derive(Debug, PartialEq, Eq)]
pub struct Committed {
    /// Who waits for it.
    pub origin: Incarnation,
    /// Under which number.
    pub number: u64,
    /// Its offset in the log of its key.
    pub offset: u64,
}

/// The journal of a shard, as far as this node knows it.
#[derive(Debug, Default)]
pub struct Journal {
    entries: Vec<Entry>,
    /// So many entries from the beginning will never change.
    committed: usize,
    /// For each key, where its committed messages are in `entries`.
    logs: BTreeMap<Rc<str>, Vec<usize>>,
    /// The latest request of each node that is in `entries`.
    latest: BTreeMap<usize, (u64, u64)>,
}

impl Journal {
    /// The number of entries, committed or not.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of entries that are committed.
    pub fn committed(&self) -> usize {
        self.committed
    }

    /// Some of the entries.
    pub fn entries(&self, range: Range<usize>) -> &[Entry] {
        &self.entries[range]
    }

    /// Appends the entry if it is its origin's next one. One that is there already, or that comes
    /// before its turn, is not appended: so a request may be repeated, and is stored once.
    pub fn append_next(&mut self, entry: Entry) -> bool {
        let Incarnation { node, life } = entry.origin;
        let next = match self.latest.get(&node) {
            Some(&(latest_life, number)) if latest_life == life => number + 1,
            Some(&(latest_life, _)) if latest_life > life => return false,
            _ => 1,
        };
        let is_next = entry.number == next;
        if is_next {
            self.append(entry);
        }
        is_next
    }

    /// Appends an entry that the leader has appended.
    pub fn append(&mut self, entry: Entry) {
        let origin = entry.origin;
        self.latest.insert(origin.node, (origin.life, entry.number));
        self.entries.push(entry);
    }

    /// Forgets everything that is not committed.
    pub fn forget_uncommitted(&mut self) {
        self.entries.truncate(self.committed);
        self.latest.clear();
        for Entry { origin, number, .. } in &self.entries {
            self.latest.insert(origin.node, (origin.life, *number));
        }
    }

    /// Commits the first `count` entries, or as many of them as there are, and tells which are
    /// newly so.
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

    /// At most `limit` committed messages of a key from an offset on, without a gap; `None` if
    /// there are none.
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

    fn entry(key: &str, node: usize, life: u64, number: u64) -> Entry {
        Entry {
            key: key.into(),
            msg: number.into(),
            origin: Incarnation { node, life },
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
        assert_eq!(messages(2), None, "the last one is not committed");
        assert_eq!(journal.read("c", 0, 10), None);
    }

    #[test]
    fn a_request_is_stored_once_and_in_its_turn() {
        let mut journal = Journal::default();
        assert!(journal.append_next(entry("a", 0, 1, 1)));
        assert!(!journal.append_next(entry("a", 0, 1, 1)), "a repetition");
        assert!(!journal.append_next(entry("a", 0, 1, 3)), "before its turn");
        assert!(journal.append_next(entry("a", 1, 1, 1)), "of another node");
        assert!(journal.append_next(entry("a", 0, 2, 1)), "of its next life");
        assert!(
            !journal.append_next(entry("a", 0, 1, 2)),
            "of a former life"
        );
        assert_eq!(journal.len(), 3);
    }

    #[test]
    fn what_is_forgotten_may_be_appended_again() {
        let mut journal = Journal::default();
        journal.append(entry("a", 0, 1, 1));
        journal.commit(1);
        journal.append(entry("a", 0, 1, 2));
        journal.forget_uncommitted();
        assert_eq!((journal.len(), journal.committed()), (1, 1));
        assert!(journal.append_next(entry("a", 0, 1, 2)));
    }
}
