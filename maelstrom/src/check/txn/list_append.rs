//! Transactions that append unique elements to lists, and read lists whole.
//!
//! A list is the best kind of value for a checker: each read tells the whole order in which the
//! elements came into it. So the order of the versions of each key is known, up to the longest list
//! that was read, and with it every kind of dependency.

mod reads;
#[cfg(test)]
mod tests;
mod versions;

use super::analysis::{Failure, Found, Requested, TxnAnalysis, find_cycles};
use super::explain::DataType;
use super::graph::{Dependencies, Evidence, Link, Node, Relation};
use super::lost_update;
use super::transaction::{Mop, Transactions};
use crate::history::History;
use versions::{Append, Versions, list};

/// Checks the `txn` operations of a history against consistency models, named as for Maelstrom's
/// `--consistency-models`.
///
/// The verdict is unknown if a model is not known, if a read yields something that is not a list,
/// if the transactions share no key, and if reads agree on an element that was never appended.
pub fn check(history: &History, models: &[String]) -> TxnAnalysis {
    let requested = Requested::of(models);
    let mut found = Found::default();
    let parsed =
        Transactions::parse(history, "append").and_then(|txns| Ok((Versions::of(&txns)?, txns)));
    let failure = match parsed {
        Ok((versions, txns)) => {
            reads::find(&txns, &versions, &mut found);
            lost_update::find(&txns, &mut found);
            let lists = Lists {
                txns: &txns,
                versions: &versions,
            };
            let prefer = |relation| relation as u8;
            find_cycles(
                &txns,
                &lists,
                DataType::List,
                &requested,
                prefer,
                &mut found,
            );
            versions.unexplained(&txns).map(|error| Failure {
                error,
                aborts_run: true,
            })
        }
        Err(error) => Some(Failure::new(error)),
    };
    TxnAnalysis::new(DataType::List, &requested, found, failure)
}

/// The dependencies that lists show.
struct Lists<'a, 'h> {
    txns: &'a Transactions<'h>,
    versions: &'a Versions<'h>,
}

impl<'h> Lists<'_, 'h> {
    /// Appending comes after appending what stands before it, and after every read that ends
    /// there.
    fn links_to_append(
        &self,
        second: Node,
        second_step: usize,
        append: &Mop<'h>,
        yield_link: &mut dyn FnMut(Link<'h>),
    ) {
        let key = self.versions.key(append.key);
        let length = key.length_before(append.value);
        let version = length.checked_sub(1).map(|last| &key.elements[last]);
        let mut link = |relation, first: Append| {
            let evidence = Evidence::Data {
                relation,
                key: append.key,
                version,
                next: Some(append.value),
                first_step: first.step(),
                second_step,
            };
            yield_link(Link {
                first: first.node(),
                second,
                evidence,
            });
        };
        let writer = version.and_then(|element| key.appends.get(element));
        if let Some(&writer) = writer.filter(|writer| !self.txns.all[writer.node()].is_failed()) {
            link(Relation::Ww, writer);
        }
        for reader in key.readers_at(length) {
            link(Relation::Rw, reader);
        }
    }

    /// Reading comes after appending the element read last.
    fn links_to_read(
        &self,
        second: Node,
        second_step: usize,
        read: &Mop<'h>,
        yield_link: &mut dyn FnMut(Link<'h>),
    ) {
        let Some(last) = list(read.value).and_then(<[_]>::last) else {
            return;
        };
        let writer = self.versions.key(read.key).appends.get(last);
        if let Some(writer) = writer.filter(|writer| !self.txns.all[writer.node()].is_failed()) {
            let evidence = Evidence::Data {
                relation: Relation::Wr,
                key: read.key,
                version: Some(last),
                next: None,
                first_step: writer.step(),
                second_step,
            };
            yield_link(Link {
                first: writer.node(),
                second,
                evidence,
            });
        }
    }
}

impl<'h> Dependencies<'h> for Lists<'_, 'h> {
    fn links_to(&self, second: Node, yield_link: &mut dyn FnMut(Link<'h>)) {
        let txn = &self.txns.all[second];
        if txn.is_failed() {
            return;
        }
        for (step, append) in txn.writes() {
            self.links_to_append(second, step, append, yield_link);
        }
        if txn.is_ok() {
            for (step, read) in txn.reads() {
                self.links_to_read(second, step, read, yield_link);
            }
        }
    }
}
