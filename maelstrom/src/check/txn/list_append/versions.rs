//! The versions of lists: in which order elements were appended to each key.

use std::collections::BTreeMap;

use crate::check::txn::graph::Node;
use crate::check::txn::transaction::{Key, Transactions};
use crate::edn::Value;
use crate::history::Kind;

/// The elements of what a read yielded. `nil` is the empty list.
pub fn list(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Nil => Some(&[]),
        value => value.as_seq(),
    }
}

/// A step of a transaction: one that appends an element, or one that reads a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Append {
    node: u32,
    step: u32,
}

impl Append {
    fn new(node: Node, step: usize) -> Append {
        Append {
            node: node as u32,
            step: step as u32,
        }
    }

    /// The transaction.
    pub fn node(self) -> Node {
        self.node as Node
    }

    /// The step.
    pub fn step(self) -> usize {
        self.step as usize
    }
}

/// What is known of one key.
#[derive(Clone, Debug, Default)]
pub struct ListKey<'h> {
    /// Who appended each element.
    pub appends: BTreeMap<&'h Value, Append>,
    /// The longest list read: its elements in the order of their appends.
    pub elements: &'h [Value],
    /// Where each element stands; the last place of one that is there several times.
    places: BTreeMap<&'h Value, u32>,
    /// The reads that took place, sorted by the length of the list at which they saw the key.
    readers: Vec<(u32, Append)>,
    /// Two lists read of which neither is a prefix of the other: the shortest such.
    pub disagreement: Option<(&'h [Value], &'h [Value])>,
}

impl<'h> ListKey<'h> {
    /// How long the list was when this element was appended.
    ///
    /// An element that no read shows was appended after all that are in the longest one.
    pub fn length_before(&self, element: &Value) -> usize {
        let place = self.places.get(element);
        place.map_or(self.elements.len(), |&place| place as usize)
    }

    /// The reads that saw the list at this length.
    pub fn readers_at(&self, length: usize) -> impl Iterator<Item = Append> {
        let length = length as u32;
        let start = self.readers.partition_point(|reader| reader.0 < length);
        let end = self.readers.partition_point(|reader| reader.0 <= length);
        self.readers[start..end].iter().map(|reader| reader.1)
    }

    /// Whether the longest list holds some element twice.
    pub fn has_duplicates(&self) -> bool {
        self.places.len() < self.elements.len()
    }

    /// The length at which a read saw this key, if its last element has a place.
    fn length_of(&self, read: &[Value]) -> Option<u32> {
        match read.last() {
            None => Some(0),
            Some(last) => self.places.get(last).map(|place| place + 1),
        }
    }
}

/// What is known of every key.
#[derive(Clone, Debug, Default)]
pub struct Versions<'h>(Vec<ListKey<'h>>);

impl<'h> Versions<'h> {
    /// The versions that the transactions show.
    ///
    /// # Errors
    ///
    /// Names the first read that yielded something else than a list.
    pub fn of(txns: &Transactions<'h>) -> Result<Versions<'h>, String> {
        let mut keys = vec![ListKey::default(); txns.keys.len()];
        for (node, txn) in txns.all.iter().enumerate() {
            for (step, mop) in txn.writes() {
                // Should two append one element, then rather the one that may have done so.
                let append = Append::new(node, step);
                let appends = &mut keys[mop.key as usize].appends;
                let known = appends.entry(mop.value).or_insert(append);
                if txns.all[known.node()].is_failed() {
                    *known = append;
                }
            }
            for (_, mop) in txn.reads() {
                let read = list(mop.value).ok_or_else(|| {
                    let (index, key) = (txn.operation.index, txns.keys[mop.key as usize]);
                    format!(
                        "operation {index} read {key} as {}, which is no list",
                        mop.value
                    )
                })?;
                let key = &mut keys[mop.key as usize];
                if txn.outcome != Kind::Fail && read.len() > key.elements.len() {
                    key.elements = read;
                }
            }
        }
        for key in &mut keys {
            let places = key.elements.iter().zip(0..);
            key.places = places.collect();
        }
        for (node, txn) in txns.ok() {
            for (step, mop) in txn.reads() {
                let key = &mut keys[mop.key as usize];
                if let Some(length) = list(mop.value).and_then(|read| key.length_of(read)) {
                    key.readers.push((length, Append::new(node, step)));
                }
            }
        }
        for key in &mut keys {
            key.readers.sort_by_key(|reader| reader.0);
        }
        disagree(txns, &mut keys);
        Ok(Versions(keys))
    }

    /// What is known of a key.
    pub fn key(&self, key: Key) -> &ListKey<'h> {
        &self.0[key as usize]
    }

    /// Every key.
    pub fn keys(&self) -> impl Iterator<Item = (Key, &ListKey<'h>)> {
        self.0
            .iter()
            .enumerate()
            .map(|(key, versions)| (key as Key, versions))
    }

    /// Describes an element that was never appended, of a key whose reads agree that it is there.
    pub fn unexplained(&self, txns: &Transactions<'h>) -> Option<String> {
        self.keys()
            .filter(|(_, key)| key.disagreement.is_none())
            .find_map(|(number, key)| {
                let element = key
                    .elements
                    .iter()
                    .find(|element| !key.appends.contains_key(element))?;
                let (key, list) = (
                    txns.keys[number as usize],
                    Value::vector(key.elements.to_vec()),
                );
                Some(format!(
                    "nobody appended {element} to {key}, which was read as {list}"
                ))
            })
    }
}

/// Fills in the disagreements: of the different lists read for a key, sorted by length, the first
/// that is no prefix of the next.
fn disagree<'h>(txns: &Transactions<'h>, keys: &mut [ListKey<'h>]) {
    // Only keys of which some read is no prefix of the longest need the sorting.
    let mut reads: BTreeMap<Key, Vec<&'h [Value]>> = BTreeMap::new();
    let each = || {
        txns.ok().flat_map(|(_, txn)| txn.reads()).map(|(_, mop)| {
            (
                mop.key,
                list(mop.value).expect("versions are made only of reads of lists"),
            )
        })
    };
    for (key, read) in each() {
        if !keys[key as usize].elements.starts_with(read) {
            reads.insert(key, Vec::new());
        }
    }
    for (key, read) in each() {
        if let Some(reads) = reads.get_mut(&key) {
            reads.push(read);
        }
    }
    for (key, mut reads) in reads {
        reads.sort_unstable_by_key(|read| (read.len(), *read));
        reads.dedup();
        let pair = reads.windows(2).find(|pair| !pair[1].starts_with(pair[0]));
        keys[key as usize].disagreement = pair.map(|pair| (pair[0], pair[1]));
    }
}
