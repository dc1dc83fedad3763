//! Lost updates: several transactions that read one version of a key and each wrote the next one.

use std::collections::BTreeMap;

use super::analysis::Found;
use super::anomaly::Anomaly;
use super::explain::{Finding, line};
use super::graph::Node;
use super::transaction::{Action, Key, Transactions};
use crate::edn::Value;

/// Finds the versions that more than one transaction read and then wrote over.
///
/// A transaction counts for what it read of a key first, if it wrote the key later.
pub fn find(txns: &Transactions<'_>, found: &mut Found) {
    let mut updates: Vec<(Key, &Value, Node)> = Vec::new();
    for (node, txn) in txns.ok() {
        if txn.writes().next().is_none() {
            continue;
        }
        // The version of each key that was read first, until the key is written.
        let mut first_reads: BTreeMap<Key, Option<&Value>> = BTreeMap::new();
        for mop in &txn.mops {
            match mop.action {
                Action::Read => {
                    first_reads.entry(mop.key).or_insert(Some(mop.value));
                }
                Action::Write => {
                    let read = first_reads.get_mut(&mop.key).and_then(Option::take);
                    updates.extend(read.map(|version| (mop.key, version, node)));
                }
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
