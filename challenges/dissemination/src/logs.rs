//! The logs of all origins. Every node holds all of them, so any node can serve any other.

mod table;

use std::collections::BTreeMap;

use crate::log::{Item, Run};
use crate::vector::{Origin, Vector};

use table::{Held, Log, Place, Table};

/// The limit of early runs per origin. A node asks again for runs beyond it.
const MAX_EARLY_RUNS: usize = 64;

/// The logs of all origins.
///
/// Every change of a log gives the whole a new *version*, a number that names a state of this
/// node's logs in messages.
pub(crate) struct Logs<T: Item> {
    logs: Table<T>,
    /// For each node, the place of a log of it.
    by_node: Vec<Option<Place>>,
    /// The place of the log that has changed last. The logs form a list in the order of their changes.
    last_changed: Option<Place>,
    /// The number of the item to which each key belongs.
    holders: BTreeMap<(Origin, T::Key), u64>,
    /// Runs that arrived before the run they continue, by the number after which they begin.
    early: BTreeMap<(Origin, u64), Run<T>>,
    version: u64,
}

impl<T: Item> Logs<T> {
    /// Creates the empty logs of this number of nodes.
    pub(crate) fn new(node_count: usize) -> Self {
        Self {
            logs: Table::new(),
            by_node: vec![None; node_count],
            last_changed: None,
            holders: BTreeMap::new(),
            early: BTreeMap::new(),
            version: 0,
        }
    }

    /// Returns how much is held of each origin.
    pub(crate) fn vector(&self) -> Vector {
        let mut vector = Vector::default();
        for log in self.logs.iter() {
            vector.raise(log.origin, log.upto);
        }
        vector
    }

    /// Returns the place of an origin's log, if there is one.
    fn find(&self, origin: Origin) -> Option<Place> {
        let mut place = self.by_node.get(origin.node).copied()??;
        while self.logs[place].origin != origin {
            place = self.logs[place].sibling?;
        }
        Some(place)
    }

    fn get(&self, origin: Origin) -> Option<&Log<T>> {
        self.find(origin).map(|place| &self.logs[place])
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
        let log = |place: Place| &self.logs[place];
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
        if let Some(place) = self.find(origin) {
            let log = &mut self.logs[place];
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
        while !self.early.is_empty() {
            let continuing = (origin, 0)..=(origin, self.upto(origin));
            let Some((&key, _)) = self.early.range(continuing).next() else {
                return;
            };
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
        if run.upto == 0 {
            return;
        }
        let place = self.place(origin);
        let upto = self.logs[place].upto;
        if run.upto <= upto {
            return;
        }
        self.version += 1;
        for (number, item) in run.items {
            if number > upto {
                learnt.push((origin, item.clone()));
                self.insert(place, number, item);
            }
        }
        self.logs[place].upto = run.upto;
        self.note_change(place);
    }

    /// Moves a log to the end of the list of changes.
    fn note_change(&mut self, place: Place) {
        let version = self.version;
        let log = &mut self.logs[place];
        log.changed = version;
        if self.last_changed == Some(place) {
            return;
        }
        let (before, after) = (log.before.take(), log.after.take());
        if let Some(before) = before {
            self.logs[before].after = after;
        }
        if let Some(after) = after {
            self.logs[after].before = before;
        }
        let last = self.last_changed.replace(place);
        self.logs[place].before = last;
        if let Some(last) = last {
            self.logs[last].after = Some(place);
        }
    }

    fn insert(&mut self, place: Place, number: u64, item: T) {
        let keys = item.keys();
        let version = self.version;
        let log = &mut self.logs[place];
        let origin = log.origin;
        log.push(Held {
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
        if let Some(place) = self.find(origin)
            && let log = &mut self.logs[place]
            && let Ok(at) = log.position(number)
            && !log.items[at].item.keys().into_iter().any(holds)
        {
            log.items.remove(at);
        }
    }

    /// Returns the place of an origin's log, which is created if there is none.
    fn place(&mut self, origin: Origin) -> Place {
        if let Some(place) = self.find(origin) {
            return place;
        }
        let place = self.logs.push(Log {
            origin,
            upto: 0,
            changed: 0,
            direct: 0,
            items: Vec::new(),
            before: None,
            after: None,
            sibling: self.by_node[origin.node],
        });
        self.by_node[origin.node] = Some(place);
        place
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

#[cfg(test)]
mod tests;
