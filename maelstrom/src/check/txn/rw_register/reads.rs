//! The anomalies of registers that take no search: each shows in one read.

use std::collections::BTreeMap;

use super::versions::Access;
use crate::check::txn::analysis::Found;
use crate::check::txn::anomaly::Anomaly;
use crate::check::txn::explain::Finding;
use crate::check::txn::transaction::{Key, Mop, Transaction, Transactions};
use crate::edn::Value;

/// Finds them all.
pub fn find(txns: &Transactions<'_>, found: &mut Found) {
    // Should several have written one value, then rather one that may have done so.
    let mut writes: BTreeMap<(Key, &Value), Access> = BTreeMap::new();
    for (node, txn) in txns.all.iter().enumerate() {
        for (step, mop) in txn.writes() {
            let write = Access { node, step };
            let known = writes.entry((mop.key, mop.value)).or_insert(write);
            if txns.all[known.node].is_failed() {
                *known = write;
            }
        }
    }
    for (node, txn) in txns.ok() {
        internal(txns, txn, found);
        for (_, mop) in txn.reads() {
            let write = writes
                .get(&(mop.key, mop.value))
                .filter(|write| write.node != node);
            if let Some(write) = write {
                foreign(txns, txn, mop, *write, found);
            }
        }
    }
}

/// A read of what another transaction wrote: did that one fail, or write more?
fn foreign(
    txns: &Transactions<'_>,
    txn: &Transaction<'_>,
    mop: &Mop<'_>,
    write: Access,
    found: &mut Found,
) {
    let writer = &txns.all[write.node];
    let (anomaly, what) = if writer.is_failed() {
        (Anomaly::G1a, "wrote that and failed")
    } else if !writer.mops[write.step].is_external {
        (Anomaly::G1b, "wrote that and then something else")
    } else {
        return;
    };
    found.add(anomaly, || {
        let (index, value) = (writer.operation.index, &writer.operation.value);
        let what = format_args!("operation {index} {what}: {value}");
        finding(txns, txn, mop, ("writer", writer.operation.to_edn()), what)
    });
}

/// Finds a read that does not show what the transaction itself read or wrote last. A key that was
/// read as `nil` must stay `nil`, as elle demands since 0.2.7. Maelstrom 0.2.4 uses an older elle,
/// which permits any value after `nil`.
fn internal(txns: &Transactions<'_>, txn: &Transaction<'_>, found: &mut Found) {
    let mut known: BTreeMap<Key, &Value> = BTreeMap::new();
    for mop in &txn.mops {
        let expected = known.insert(mop.key, mop.value);
        if let Some(expected) = expected.filter(|value| mop.is_read() && *value != mop.value) {
            found.add(Anomaly::Internal, || {
                let what =
                    format_args!("after its own earlier steps it should have read {expected}");
                finding(txns, txn, mop, ("expected", expected.clone()), what)
            });
            // What follows a contradiction proves nothing, except after `nil`: there the findings
            // are to be those of the older elle, and some more.
            if !expected.is_nil() {
                return;
            }
        }
    }
}

fn finding(
    txns: &Transactions<'_>,
    txn: &Transaction<'_>,
    mop: &Mop<'_>,
    more: (&str, Value),
    what: std::fmt::Arguments<'_>,
) -> Finding {
    let (operation, key) = (txn.operation, txns.keys[mop.key as usize]);
    let words = format!(
        "operation {} did {}\nit read {key} as {}, but {what}",
        operation.index, operation.value, mop.value,
    );
    let mop = Value::vector([Value::keyword("r"), key.clone(), mop.value.clone()]);
    let edn = Value::map([("op", operation.to_edn()), ("mop", mop), more]);
    Finding { edn, words }
}
