//! The anomalies of lists that take no search: each shows in one read, or in one key's versions.

use std::collections::BTreeMap;

use super::versions::{ListKey, Versions, list};
use crate::check::txn::analysis::Found;
use crate::check::txn::anomaly::Anomaly;
use crate::check::txn::explain::Finding;
use crate::check::txn::graph::Node;
use crate::check::txn::transaction::{Key, Mop, Transaction, Transactions};
use crate::edn::Value;

/// Finds them all.
pub fn find(txns: &Transactions<'_>, versions: &Versions<'_>, found: &mut Found) {
    for (number, key) in versions.keys() {
        incompatible_orders(txns, number, key, found);
        dirty_updates(txns, number, key, found);
    }
    for (node, txn) in txns.ok() {
        internal(txns, txn, found);
        let reads = txn.reads().map(|(step, mop)| {
            let elements = list(mop.value).expect("versions are made only of reads of lists");
            Read {
                txns,
                node,
                step,
                mop,
                elements,
            }
        });
        let reads: Vec<Read<'_, '_>> = reads.collect();
        // Of what contradicts itself, one example a transaction is enough.
        let _ = reads.iter().any(|read| read.future(found));
        for read in reads {
            let mop = read.mop;
            read.duplicates(versions.key(mop.key), found);
            read.aborted(versions.key(mop.key), found);
            read.intermediate(versions.key(mop.key), found);
        }
    }
}

/// A read that took place.
struct Read<'a, 'h> {
    txns: &'a Transactions<'h>,
    node: Node,
    step: usize,
    mop: &'a Mop<'h>,
    elements: &'h [Value],
}

impl<'h> Read<'_, 'h> {
    fn txn(&self) -> &Transaction<'h> {
        &self.txns.all[self.node]
    }

    /// A finding about this read.
    fn finding(&self, more: Vec<(&str, Value)>, what: std::fmt::Arguments<'_>) -> Finding {
        finding(self.txns, self.txn(), self.mop, more, what)
    }

    fn future(&self, found: &mut Found) -> bool {
        let mut later = self.txn().writes().filter(|(step, mop)| {
            *step > self.step && mop.key == self.mop.key && self.elements.contains(mop.value)
        });
        let Some((_, append)) = later.next() else {
            return false;
        };
        found.add(Anomaly::FutureRead, || {
            let element = append.value;
            let what = format_args!("it appends {element} only later");
            self.finding(vec![("element", element.clone())], what)
        });
        true
    }

    fn duplicates(&self, key: &ListKey<'_>, found: &mut Found) {
        if !key.has_duplicates() && key.elements.starts_with(self.elements) {
            return;
        }
        let mut counts: BTreeMap<&Value, usize> = BTreeMap::new();
        for element in self.elements {
            *counts.entry(element).or_default() += 1;
        }
        counts.retain(|_, count| *count > 1);
        if let Some((element, count)) = counts.first_key_value() {
            found.add(Anomaly::DuplicateElements, || {
                let all = counts
                    .iter()
                    .map(|(&element, &count)| (element.clone(), count.into()));
                let what = format_args!("{element} is in it {count} times");
                self.finding(vec![("duplicates", Value::Map(all.collect()))], what)
            });
        }
    }

    fn aborted(&self, key: &ListKey<'_>, found: &mut Found) {
        for element in self.elements {
            let writer = key
                .appends
                .get(element)
                .map(|append| &self.txns.all[append.node()]);
            let Some(writer) = writer.filter(|writer| writer.is_failed()) else {
                continue;
            };
            found.add(Anomaly::G1a, || {
                let (op, index) = (writer.operation.to_edn(), writer.operation.index);
                let what =
                    format_args!("{element} was appended by operation {index}, which failed");
                self.finding(vec![("writer", op), ("element", element.clone())], what)
            });
        }
    }

    fn intermediate(&self, key: &ListKey<'_>, found: &mut Found) {
        let Some(last) = self.elements.last() else {
            return;
        };
        let Some(append) = key
            .appends
            .get(last)
            .filter(|append| append.node() != self.node)
        else {
            return;
        };
        let writer = &self.txns.all[append.node()];
        if !writer.is_failed() && !writer.mops[append.step()].is_external {
            found.add(Anomaly::G1b, || {
                let (op, index) = (writer.operation.to_edn(), writer.operation.index);
                let what = format_args!(
                    "operation {index} appended {last}, and appended more to the key: {}",
                    writer.operation.value,
                );
                self.finding(vec![("writer", op), ("element", last.clone())], what)
            });
        }
    }
}

fn finding(
    txns: &Transactions<'_>,
    txn: &Transaction<'_>,
    mop: &Mop<'_>,
    more: Vec<(&str, Value)>,
    what: std::fmt::Arguments<'_>,
) -> Finding {
    let (operation, key) = (txn.operation, txns.keys[mop.key as usize]);
    let words = format!(
        "operation {} did {}\nit read {key} as {}, but {what}",
        operation.index, operation.value, mop.value,
    );
    let mop = Value::vector([Value::keyword("r"), key.clone(), mop.value.clone()]);
    let mut entries = vec![("op", operation.to_edn()), ("mop", mop)];
    entries.extend(more);
    Finding {
        edn: Value::map(entries),
        words,
    }
}

/// What a transaction knows of a key by its own reads and appends.
enum Known<'h> {
    /// All of it.
    All(Vec<&'h Value>),
    /// Only its end, which the transaction appended without having read.
    End(Vec<&'h Value>),
}

/// Finds a read that does not show what the transaction read of the key before, and what it has
/// appended since. A key that was read as `nil` must be empty, as elle demands since 0.2.7.
/// Maelstrom 0.2.4 uses an older elle, which permits any list after `nil`.
fn internal<'h>(txns: &Transactions<'h>, txn: &Transaction<'h>, found: &mut Found) {
    let mut known: BTreeMap<Key, Known<'h>> = BTreeMap::new();
    for mop in &txn.mops {
        if !mop.is_read() {
            let (Known::All(elements) | Known::End(elements)) =
                known.entry(mop.key).or_insert(Known::End(Vec::new()));
            elements.push(mop.value);
            continue;
        }
        let read: Vec<&Value> = list(mop.value).into_iter().flatten().collect();
        let expected = match known.get(&mop.key) {
            Some(Known::All(elements)) if *elements != read => elements.clone(),
            Some(Known::End(elements)) if !read.ends_with(elements) => {
                [vec![&*ELLIPSIS], elements.clone()].concat()
            }
            _ => {
                known.insert(mop.key, Known::All(read));
                continue;
            }
        };
        let after_nil = expected.is_empty();
        found.add(Anomaly::Internal, || {
            let expected = Value::vector(expected.into_iter().cloned());
            let what = format_args!("after its own earlier steps it should have read {expected}");
            finding(txns, txn, mop, vec![("expected", expected.clone())], what)
        });
        // What follows a contradiction proves nothing, except after `nil`: there the findings are to
        // be those of the older elle, and some more.
        if !after_nil {
            return;
        }
        known.insert(mop.key, Known::All(read));
    }
}

static ELLIPSIS: std::sync::LazyLock<Value> =
    std::sync::LazyLock::new(|| Value::Symbol("...".into()));

fn incompatible_orders(txns: &Transactions<'_>, key: Key, list: &ListKey<'_>, found: &mut Found) {
    if let Some((shorter, longer)) = list.disagreement {
        found.add(Anomaly::IncompatibleOrder, || {
            let key = txns.keys[key as usize];
            let [shorter, longer] = [shorter, longer].map(|list| Value::vector(list.to_vec()));
            let words = format!("{key} was read as {shorter} and as {longer}");
            let values = Value::vector([shorter, longer]);
            Finding {
                edn: Value::map([("key", key.clone()), ("values", values)]),
                words,
            }
        });
    }
}

/// An append that failed is in the list, and one after it succeeded.
fn dirty_updates(txns: &Transactions<'_>, key: Key, list: &ListKey<'_>, found: &mut Found) {
    let mut failed = None;
    for (place, element) in list.elements.iter().enumerate() {
        let Some(append) = list.appends.get(element) else {
            continue;
        };
        let txn = &txns.all[append.node()];
        if txn.is_failed() {
            failed.get_or_insert((place, txn));
        } else if txn.is_ok()
            && let Some((from, failed)) = failed.take()
        {
            found.add(Anomaly::DirtyUpdate, || {
                let key = txns.keys[key as usize];
                let words = format!(
                    "to {key}, operation {} appended {}, and failed: {}\n\
                     operation {} appended {element} after it: {}",
                    failed.operation.index,
                    list.elements[from],
                    failed.operation.value,
                    txn.operation.index,
                    txn.operation.value,
                );
                let ends = [
                    failed.operation.to_edn(),
                    ELLIPSIS.clone(),
                    txn.operation.to_edn(),
                ];
                let edn = Value::map([
                    ("key", key.clone()),
                    (
                        "values",
                        Value::vector(list.elements[from..=place].to_vec()),
                    ),
                    ("txns", Value::vector(ends)),
                ]);
                Finding { edn, words }
            });
        }
    }
}
