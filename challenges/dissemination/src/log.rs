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
    origin: Origin,
    upto: u64,
    /// The version of this node's logs at the last change of this one.
    changed: u64,
    /// The number up to which the items go straight to others: from the origin to all nodes, or from
    /// the hub of its group to other hubs.
    direct: u64,
    /// The items, in ascending order.
    items: Vec<Held<T>>,
    /// The places of the logs that have changed last before this one, and first after it.
    before: Option<Place>,
    after: Option<Place>,
}

/// The place of a log, which never changes.
type Place = u32;

/// An item that is held.
struct Held<T> {
    number: u64,
    /// The version of this node's logs with which the item came.
    version: u64,
    item: T,
}

/// The limit of early runs per origin. A node asks again for runs beyond it.
const MAX_EARLY_RUNS: usize = 64;

impl<T: Item> Log<T> {
    fn position(&self, number: u64) -> Result<usize, usize> {
        self.items.binary_search_by_key(&number, |held| held.number)
    }

    fn push(&mut self, held: Held<T>) {
        push_compactly(&mut self.items, held);
    }
}

/// Adds to a vector that seldom grows. In a large cluster every node has many short ones, so hardly any
/// memory is reserved.
fn push_compactly<V>(values: &mut Vec<V>, value: V) {
    if values.len() == values.capacity() {
        values.reserve_exact(values.len() / 4 + 1);
    }
    values.push(value);
}

/// The logs of all origins.
///
/// Every change of a log gives the whole a new *version*, a number that names a state of this
/// node's logs in messages.
pub(crate) struct Logs<T: Item> {
    /// The logs, in the order of their first items.
    logs: Vec<Log<T>>,
    /// The places of the logs, in the order of their origins.
    by_origin: Vec<Place>,
    /// The place of the log that has changed last. The logs form a list in the order of their changes.
    last_changed: Option<Place>,
    /// The number of the item to which each key belongs.
    holders: BTreeMap<(Origin, T::Key), u64>,
    /// Runs that arrived before the run they continue, by the number after which they begin.
    early: BTreeMap<(Origin, u64), Run<T>>,
    version: u64,
}

impl<T: Item> Logs<T> {
    pub(crate) fn new() -> Self {
        Self {
            logs: Vec::new(),
            by_origin: Vec::new(),
            last_changed: None,
            holders: BTreeMap::new(),
            early: BTreeMap::new(),
            version: 0,
        }
    }

    /// Returns how much is held of each origin.
    pub(crate) fn vector(&self) -> Vector {
        let mut vector = Vector::default();
        for log in &self.logs {
            vector.raise(log.origin, log.upto);
        }
        vector
    }

    /// Returns where the place of an origin's log is, or belongs, in `by_origin`.
    fn find(&self, origin: Origin) -> Result<usize, usize> {
        let origin_at = |place: &Place| self.logs[*place as usize].origin;
        self.by_origin.binary_search_by_key(&origin, origin_at)
    }

    fn get(&self, origin: Origin) -> Option<&Log<T>> {
        let at = self.find(origin).ok()?;
        Some(&self.logs[self.by_origin[at] as usize])
    }

    fn get_mut(&mut self, origin: Origin) -> Option<&mut Log<T>> {
        let at = self.find(origin).ok()?;
        Some(&mut self.logs[self.by_origin[at] as usize])
    }

    /// Returns the present version; 0 if nothing is held.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Returns the number up to which an origin's log is held; 0 if nothing is.
    pub(crate) fn upto(&self, origin: Origin) -> u64 {
        self.get(origin).map_or(0, |log| log.upto)
    }

    /// Returns a number up to which an origin's log was held at a version. It is too low if items
    /// have been replaced since.
    pub(crate) fn upto_at(&self, origin: Origin, version: u64) -> u64 {
        let Some(log) = self.get(origin).filter(|_| version > 0) else {
            return 0;
        };
        if log.changed <= version {
            return log.upto;
        }
        let count = log.items.partition_point(|held| held.version <= version);
        let last = count.checked_sub(1).map(|last| &log.items[last]);
        last.map_or(0, |held| held.number)
    }

    /// Returns the version of an origin's last change; 0 if nothing is held.
    pub(crate) fn changed_at(&self, origin: Origin) -> u64 {
        self.get(origin).map_or(0, |log| log.changed)
    }

    /// Returns the origins whose logs have changed since a version, by their last change.
    pub(crate) fn changed_since(&self, version: u64) -> impl Iterator<Item = Origin> {
        let log = |place: Place| &self.logs[place as usize];
        let mut first = None;
        let mut place = self.last_changed;
        while let Some(changed) = place.filter(|&place| log(place).changed > version) {
            first = place;
            place = log(changed).before;
        }
        std::iter::successors(first, move |&place| log(place).after)
            .map(move |place| log(place).origin)
    }

    /// Returns the number up to which an origin has sent its items straight to all nodes.
    pub(crate) fn direct(&self, origin: Origin) -> u64 {
        self.get(origin).map_or(0, |log| log.direct)
    }

    /// Records that an origin has sent its items up to a number straight to all nodes.
    pub(crate) fn note_direct(&mut self, origin: Origin, upto: u64) {
        if let Some(log) = self.get_mut(origin) {
            log.direct = upto.max(log.direct);
        }
    }

    /// Returns the number of items that are held.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.logs.iter().map(|log| log.items.len()).sum()
    }

    /// Adds this node's own next item.
    pub(crate) fn push(&mut self, origin: Origin, item: T) {
        let after = self.upto(origin);
        let run = Run {
            origin,
            after,
            upto: after + 1,
            items: vec![(after + 1, item)],
        };
        self.append(run, &mut Vec::new());
    }

    /// Adds a run, and the early runs that continue it, and collects the new items in `learnt`: each
    /// once, in the order of its origin.
    pub(crate) fn learn(&mut self, run: Run<T>, learnt: &mut Vec<(Origin, T)>) {
        let origin = run.origin;
        if run.after > self.upto(origin) {
            self.keep_early(run);
            return;
        }
        self.append(run, learnt);
        while let Some((&key, _)) = self
            .early
            .range((origin, 0)..=(origin, self.upto(origin)))
            .next()
        {
            if let Some(run) = self.early.remove(&key) {
                self.append(run, learnt);
            }
        }
    }

    fn keep_early(&mut self, run: Run<T>) {
        let origin = run.origin;
        self.early.insert((origin, run.after), run);
        let runs = self.early.range((origin, 0)..=(origin, u64::MAX));
        if runs.clone().count() > MAX_EARLY_RUNS
            && let Some((&last, _)) = runs.last()
        {
            self.early.remove(&last);
        }
    }

    fn append(&mut self, run: Run<T>, learnt: &mut Vec<(Origin, T)>) {
        let origin = run.origin;
        let upto = self.upto(origin);
        if run.upto <= upto {
            return;
        }
        self.version += 1;
        for (number, item) in run.items {
            if number > upto {
                learnt.push((origin, item.clone()));
                self.insert(origin, number, item);
            }
        }
        let place = self.place(origin);
        self.logs[place as usize].upto = run.upto;
        self.note_change(place);
    }

    /// Moves a log to the end of the list of changes.
    fn note_change(&mut self, place: Place) {
        let version = self.version;
        let log = &mut self.logs[place as usize];
        log.changed = version;
        if self.last_changed == Some(place) {
            return;
        }
        let (before, after) = (log.before.take(), log.after.take());
        if let Some(before) = before {
            self.logs[before as usize].after = after;
        }
        if let Some(after) = after {
            self.logs[after as usize].before = before;
        }
        let last = self.last_changed.replace(place);
        self.logs[place as usize].before = last;
        if let Some(last) = last {
            self.logs[last as usize].after = Some(place);
        }
    }

    fn insert(&mut self, origin: Origin, number: u64, item: T) {
        let keys = item.keys();
        let version = self.version;
        let place = self.place(origin);
        self.logs[place as usize].push(Held {
            number,
            version,
            item,
        });
        for key in keys {
            if let Some(former) = self.holders.insert((origin, key), number) {
                self.release(origin, former);
            }
        }
    }

    /// Drops an item if none of its keys belongs to it any more.
    fn release(&mut self, origin: Origin, number: u64) {
        let holds = |key| self.holders.get(&(origin, key)) == Some(&number);
        if let Ok(found) = self.find(origin)
            && let log = &mut self.logs[self.by_origin[found] as usize]
            && let Ok(at) = log.position(number)
            && !log.items[at].item.keys().into_iter().any(holds)
        {
            log.items.remove(at);
        }
    }

    /// Returns the place of an origin's log, which is created if there is none.
    fn place(&mut self, origin: Origin) -> Place {
        match self.find(origin) {
            Ok(at) => self.by_origin[at],
            Err(at) => {
                let place = Place::try_from(self.logs.len()).expect("origins fit into 32 bits");
                let log = Log {
                    origin,
                    upto: 0,
                    changed: 0,
                    direct: 0,
                    items: Vec::new(),
                    before: None,
                    after: None,
                };
                push_compactly(&mut self.logs, log);
                self.by_origin.insert(at, place);
                place
            }
        }
    }

    /// Returns the part of one origin's log after a number, up to `limit` items.
    pub(crate) fn run(&self, origin: Origin, after: u64, limit: usize) -> Option<Run<T>> {
        let log = self.get(origin).filter(|log| log.upto > after)?;
        let first = log.items.partition_point(|held| held.number <= after);
        let rest = &log.items[first..];
        let taken = &rest[..limit.min(rest.len())];
        let upto = match taken.last() {
            _ if taken.len() == rest.len() => log.upto,
            Some(last) => last.number,
            None => return None,
        };
        let items = taken.iter();
        Some(Run {
            origin,
            after,
            upto,
            items: items.map(|held| (held.number, held.item.clone())).collect(),
        })
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
