//! Lost updates: several transactions that read one version of a key and each wrote the next one.

use std::collections::BTreeMap;

use super::analysis::Found;
use super::anomaly::Anomaly;
use super::explain::{Finding, line};
use super::graph::Node;
use super::transaction::{Key, Transactions};
use crate::edn::Value;

/// Finds the versions that more than one transaction read and then wrote over.
///
/// A transaction counts for what it read of a key first, if it wrote the key later.
pub fn find(txns: &Transactions<'_>, found: &mut Found) {
    let mut updates: BTreeMap<(Key, &Value), Vec<Node>> = BTreeMap::new();
    for (node, txn) in txns.ok() {
        for (i, read) in txn.reads() {
            let same_key = |(_, mop): &(usize, &super::transaction::Mop<'_>)| mop.key == read.key;
            let first = txn
                .reads()
                .find(same_key)
                .is_some_and(|(first, _)| first == i);
            if first
                && txn
                    .writes()
                    .filter(same_key)
                    .any(|(written, _)| written > i)
            {
                updates
                    .entry((read.key, read.value))
                    .or_default()
                    .push(node);
            }
        }
    }
    for ((key, version), nodes) in updates.into_iter().filter(|(_, nodes)| nodes.len() > 1) {
        found.add(Anomaly::LostUpdate, || {
            let key = txns.keys[key as usize];
            let operations = nodes.iter().map(|&node| txns.all[node].operation);
            let mut words = format!("each of these read {key} as {version} and then wrote it:");
            for op in operations.clone() {
                line(
                    &mut words,
                    format_args!("{} (operation {})", op.value, op.index),
                );
            }
            let edn = Value::map([
                ("key", key.clone()),
                ("value", version.clone()),
                ("txns", Value::vector(operations.map(|op| op.to_edn()))),
            ]);
            Finding { edn, words }
        });
    }
}
