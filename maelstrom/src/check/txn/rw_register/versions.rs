//! The versions of registers, as far as transactions show that one follows another.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::txn::analysis::Found;
use crate::check::txn::anomaly::Anomaly;
use crate::check::txn::components::Components;
use crate::check::txn::explain::Finding;
use crate::check::txn::graph::Node;
use crate::check::txn::transaction::{Key, Mop, Transaction, Transactions};
use crate::edn::Value;

/// A step of a transaction that reads or writes a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// The transaction.
    pub node: Node,
    /// The step.
    pub step: usize,
}

/// What a transaction read of others: its reads of keys that it had not touched before.
pub fn external_reads<'a, 'h>(
    txn: &'a Transaction<'h>,
) -> impl Iterator<Item = (usize, &'a Mop<'h>)> {
    txn.reads().filter(|(_, read)| read.is_external)
}

/// What a transaction wrote for others: its last write of each key.
pub fn external_writes<'a, 'h>(
    txn: &'a Transaction<'h>,
) -> impl Iterator<Item = (usize, &'a Mop<'h>)> {
    txn.writes().filter(|(_, write)| write.is_external)
}

/// Accesses to one key, sorted by version once all are there.
#[derive(Clone, Debug, Default)]
struct Accesses<'h>(Vec<(&'h Value, Access)>);

impl<'h> Accesses<'h> {
    fn push(&mut self, version: &'h Value, access: Access) {
        self.0.push((version, access));
    }

    /// The access that was added last.
    fn latest(&self) -> Option<(&'h Value, Access)> {
        self.0.last().copied()
    }

    /// Sorts by version. Accesses to one version stay in their order.
    fn sort(&mut self) {
        self.0.sort_by_key(|access| access.0);
    }

    /// The accesses to a version.
    fn to(&self, version: &Value) -> &[(&'h Value, Access)] {
        let start = self.0.partition_point(|access| access.0 < version);
        let end = self.0.partition_point(|access| access.0 <= version);
        &self.0[start..end]
    }

    /// The accesses, those to one version together.
    fn by_version(&self) -> impl Iterator<Item = &[(&'h Value, Access)]> {
        self.0.chunk_by(|a, b| a.0 == b.0)
    }
}

/// What is known of one key, from the transactions that took place.
#[derive(Clone, Debug, Default)]
struct Register<'h> {
    writers: Accesses<'h>,
    readers: Accesses<'h>,
    /// For each version those that it directly followed.
    before: BTreeMap<&'h Value, BTreeSet<&'h Value>>,
}

/// What is known of every key.
#[derive(Clone, Debug, Default)]
pub struct Versions<'h>(Vec<Register<'h>>);

impl<'h> Versions<'h> {
    /// The versions that the transactions show. Where they follow each other in a circle, that is
    /// an anomaly, and reads before writes then say nothing about any order of versions.
    pub fn of(txns: &Transactions<'h>, found: &mut Found) -> Versions<'h> {
        let mut keys = vec![Register::default(); txns.keys.len()];
        for (node, txn) in txns.ok() {
            for (step, read) in external_reads(txn) {
                let readers = &mut keys[read.key as usize].readers;
                readers.push(read.value, Access { node, step });
            }
            for (step, write) in external_writes(txn) {
                let key = &mut keys[write.key as usize];
                key.writers.push(write.value, Access { node, step });
                // A transaction has one external read of a key at most.
                let read = key.readers.latest().filter(|read| read.1.node == node);
                let version = read.map(|read| read.0).filter(|value| !value.is_nil());
                if let Some(version) = version.filter(|&version| version != write.value) {
                    key.before.entry(write.value).or_default().insert(version);
                }
            }
        }
        let mut cyclic = false;
        for (number, key) in keys.iter_mut().enumerate() {
            key.writers.sort();
            key.readers.sort();
            for circle in circles(key) {
                cyclic = true;
                found.add(Anomaly::CyclicVersions, || {
                    finding(txns.keys[number], &circle)
                });
            }
        }
        if cyclic {
            keys.iter_mut().for_each(|key| key.before.clear());
        }
        Versions(keys)
    }

    /// Who wrote this version.
    pub fn writers(&self, key: Key, version: &Value) -> impl Iterator<Item = Access> {
        let writers = self.0[key as usize].writers.to(version).iter();
        writers.map(|writer| writer.1)
    }

    /// Who read this version.
    pub fn readers(&self, key: Key, version: &Value) -> impl Iterator<Item = Access> {
        let readers = self.0[key as usize].readers.to(version).iter();
        readers.map(|reader| reader.1)
    }

    /// The versions that this one directly followed. Besides, all follow the initial one.
    pub fn before(&self, key: Key, version: &Value) -> impl Iterator<Item = &'h Value> {
        self.0[key as usize]
            .before
            .get(version)
            .into_iter()
            .flatten()
            .copied()
    }

    /// In words, a version that was read, and that several transactions wrote.
    pub fn ambiguous(&self, txns: &Transactions<'h>) -> Option<String> {
        self.0.iter().zip(&txns.keys).find_map(|(register, key)| {
            let read = |value: &Value| !register.readers.to(value).is_empty();
            let mut written = register.writers.by_version();
            let writers = written.find(|by| by.len() > 1 && read(by[0].0))?;
            let value = writers[0].0;
            let writers: Vec<String> = writers
                .iter()
                .map(|writer| txns.all[writer.1.node].operation.index.to_string())
                .collect();
            Some(format!(
                "{value}, which was read from {key}, was written to it by several transactions: \
                 operations {}",
                writers.join(", "),
            ))
        })
    }
}

/// The versions of a key that follow each other in a circle.
fn circles<'h>(key: &Register<'h>) -> Vec<Vec<&'h Value>> {
    let follows = || {
        let each = key.before.iter();
        each.flat_map(|(&next, before)| before.iter().map(move |&version| (version, next)))
    };
    let values: BTreeSet<&Value> = follows()
        .flat_map(|(version, next)| [version, next])
        .collect();
    let values: Vec<&Value> = values.into_iter().collect();
    let number = |value| {
        values
            .binary_search(&value)
            .expect("every version has a number")
    };
    let links = follows().map(|(version, next)| (number(version), number(next)));
    let members = Components::of(values.len(), links).members.into_iter();
    members
        .filter(|circle| circle.len() > 1)
        .map(|circle| circle.into_iter().map(|version| values[version]).collect())
        .collect()
}

fn finding(key: &Value, circle: &[&Value]) -> Finding {
    let names: Vec<String> = circle.iter().map(|version| version.to_string()).collect();
    let words = format!(
        "transactions that read one of these versions of {key} wrote another of them, each \
         before the other: {}",
        names.join(", "),
    );
    let sources = ["initial-state", "wfr-keys"].map(Value::keyword);
    let edn = Value::map([
        ("key", key.clone()),
        (
            "scc",
            Value::set(circle.iter().map(|&version| version.clone())),
        ),
        ("sources", Value::vector(sources)),
    ]);
    Finding { edn, words }
}
