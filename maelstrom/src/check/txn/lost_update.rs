//! Lost updates: several transactions that read one version of a key and each wrote the next one.

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
    let mut updates: Vec<(Key, &Value, Node)> = Vec::new();
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
                updates.push((read.key, read.value, node));
            }
        }
    }
    updates.sort_unstable();
    let of_one_version = updates.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
    for updates in of_one_version.filter(|updates| updates.len() > 1) {
        found.add(Anomaly::LostUpdate, || {
            let (key, version, _) = updates[0];
            let key = txns.keys[key as usize];
            let operations = updates.iter().map(|&(_, _, node)| txns.all[node].operation);
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
