//! The logs of all origins. Every node holds all of them, so any node can serve any other.
//!
//! An origin numbers its items 1, 2, 3, … A node holds a prefix of each origin's log, except for
//! items that later items of the same origin have replaced. A run of a log therefore may contain
//! fewer items than numbers, and is complete nevertheless.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::vector::{Origin, Vector};

/// A value that is delivered to all nodes.
pub trait Item: Clone + Serialize + DeserializeOwned + 'static {
    /// The type of the keys by which later items of the same origin replace earlier ones.
    type Key: Ord + Clone;

    /// Returns the item's keys. An item is dropped once each of its keys belongs to a later item of
    /// the same origin. An item without keys, which is the default, is kept forever.
    fn keys(&self) -> Vec<Self::Key> {
        Vec::new()
    }
}

/// A run of one origin's log: all items in (`after`, `upto`] that are not replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Run<T> {
    pub(crate) origin: Origin,
    pub(crate) after: u64,
    pub(crate) upto: u64,
    pub(crate) items: Vec<(u64, T)>,
}

/// A run as JSON. The items' numbers are left out if none is missing.
#[derive(Serialize, Deserialize)]
struct WireRun<T> {
    origin: Origin,
    after: u64,
    items: Vec<T>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    numbers: Option<(Vec<u64>, u64)>,
}

impl<T: Serialize> Serialize for Run<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = self.upto - self.after == self.items.len() as u64;
        let numbers = || self.items.iter().map(|(number, _)| *number).collect();
        WireRun {
            origin: self.origin,
            after: self.after,
            items: self.items.iter().map(|(_, item)| item).collect(),
            numbers: (!whole).then(|| (numbers(), self.upto)),
        }
        .serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Run<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let run = WireRun::<T>::deserialize(deserializer)?;
        let count = run.items.len() as u64;
        let upto_whole = run
            .after
            .checked_add(count)
            .ok_or_else(|| D::Error::custom("the end of a run is out of range"))?;
        let (numbers, upto) = run
            .numbers
            .unwrap_or_else(|| ((run.after + 1..=upto_whole).collect(), upto_whole));
        let ascending = numbers.is_sorted_by(|a, b| a < b);
        let within = numbers.iter().all(|n| (run.after + 1..=upto).contains(n));
        if !ascending || !within || numbers.len() != run.items.len() || upto < run.after {
            return Err(D::Error::custom(
                "the numbers of a run do not fit its items",
            ));
        }
        Ok(Self {
            origin: run.origin,
            after: run.after,
            upto,
            items: numbers.into_iter().zip(run.items).collect(),
        })
    }
}

/// One origin's log.
struct Log<T: Item> {
    upto: u64,
    items: BTreeMap<u64, T>,
    /// The number of the item to which each key belongs.
    holders: BTreeMap<T::Key, u64>,
    /// Runs that arrived before the run they continue, by the number after which they begin.
    early: BTreeMap<u64, Run<T>>,
}

/// The limit of early runs per origin. A node asks again for runs beyond it.
const MAX_EARLY_RUNS: usize = 64;

impl<T: Item> Log<T> {
    fn new() -> Self {
        Self {
            upto: 0,
            items: BTreeMap::new(),
            holders: BTreeMap::new(),
            early: BTreeMap::new(),
        }
    }

    fn insert(&mut self, number: u64, item: T) {
        let keys = item.keys();
        self.items.insert(number, item);
        for key in keys {
            if let Some(former) = self.holders.insert(key, number) {
                self.release(former);
            }
        }
    }

    /// Drops an item if none of its keys belongs to it any more.
    fn release(&mut self, number: u64) {
        let Some(item) = self.items.get(&number) else {
            return;
        };
        let holds = |key| self.holders.get(key) == Some(&number);
        if !item.keys().iter().any(holds) {
            self.items.remove(&number);
        }
    }

    /// Adds a run, and the early runs that continue it, and collects the new items in `learnt`.
    fn learn(&mut self, run: Run<T>, learnt: &mut Vec<(Origin, T)>) {
        if run.after > self.upto {
            self.early.insert(run.after, run);
            if self.early.len() > MAX_EARLY_RUNS {
                self.early.pop_last();
            }
            return;
        }
        self.append(run, learnt);
        while let Some(entry) = self.early.first_entry()
            && *entry.key() <= self.upto
        {
            let run = entry.remove();
            self.append(run, learnt);
        }
    }

    fn append(&mut self, run: Run<T>, learnt: &mut Vec<(Origin, T)>) {
        for (number, item) in run.items {
            if number > self.upto {
                learnt.push((run.origin, item.clone()));
                self.insert(number, item);
            }
        }
        self.upto = self.upto.max(run.upto);
    }
}

/// The logs of all origins.
pub(crate) struct Logs<T: Item> {
    logs: BTreeMap<Origin, Log<T>>,
    vector: Vector,
    /// A number that grows with every item.
    version: u64,
}

impl<T: Item> Logs<T> {
    pub(crate) fn new() -> Self {
        Self {
            logs: BTreeMap::new(),
            vector: Vector::default(),
            version: 0,
        }
    }

    /// Returns how much is held of each origin.
    pub(crate) fn vector(&self) -> &Vector {
        &self.vector
    }

    /// Returns a number that grows whenever something is added.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Returns the number of items that are held.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.logs.values().map(|log| log.items.len()).sum()
    }

    /// Adds this node's own next item.
    pub(crate) fn push(&mut self, origin: Origin, item: T) {
        let log = self.logs.entry(origin).or_insert_with(Log::new);
        log.upto += 1;
        log.insert(log.upto, item);
        self.vector.raise(origin, log.upto);
        self.version += 1;
    }

    /// Adds a run, and collects the new items in `learnt`: each once, in the order of its origin.
    pub(crate) fn learn(&mut self, run: Run<T>, learnt: &mut Vec<(Origin, T)>) {
        let origin = run.origin;
        let log = self.logs.entry(origin).or_insert_with(Log::new);
        let before = log.upto;
        log.learn(run, learnt);
        if log.upto > before {
            self.vector.raise(origin, log.upto);
            self.version += 1;
        }
    }

    /// Returns what a node that holds `vector` lacks, up to `limit` items.
    pub(crate) fn since(&self, vector: &Vector, limit: usize) -> Vec<Run<T>> {
        let mut runs = Vec::new();
        let mut left = limit;
        for &origin in self.logs.keys() {
            let run = self.since_of(origin, vector.get(origin), left);
            left -= run.iter().map(|run| run.items.len()).sum::<usize>();
            runs.extend(run);
            if left == 0 {
                break;
            }
        }
        runs
    }

    /// Returns the part of one origin's log after a number, up to `limit` items: at most one run.
    pub(crate) fn since_of(&self, origin: Origin, after: u64, limit: usize) -> Vec<Run<T>> {
        let Some(log) = self.logs.get(&origin).filter(|log| log.upto > after) else {
            return Vec::new();
        };
        let mut rest = log.items.range(after + 1..);
        let items = rest.by_ref().take(limit);
        let items: Vec<(u64, T)> = items
            .map(|(&number, item)| (number, item.clone()))
            .collect();
        let upto = match (rest.next(), items.last()) {
            (Some(_), Some((last, _))) => *last,
            (Some(_), None) => after,
            (None, _) => log.upto,
        };
        let run = Run {
            origin,
            after,
            upto,
            items,
        };
        Vec::from_iter((upto > after).then_some(run))
    }
}

impl Item for i64 {
    type Key = ();
}

impl Item for serde_json::Value {
    type Key = ();
}

#[cfg(test)]
mod tests;
