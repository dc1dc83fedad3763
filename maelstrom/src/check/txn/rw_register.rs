//! Transactions that write unique values to registers, and read them.
//!
//! A register forgets what it held before, so of its versions little is known: the initial one
//! comes first, and a transaction that read one version and wrote another put the second after the
//! first. Dependencies of writes on writes are seen only through such reads, and what a history
//! shows of registers is less than what it shows of [lists](super::list_append).

mod reads;
#[cfg(test)]
mod tests;
mod versions;

use super::analysis::{Failure, Found, Requested, TxnAnalysis, find_cycles};
use super::explain::DataType;
use super::graph::{Dependencies, Evidence, Link, Node, Relation};
use super::lost_update;
use super::transaction::{Key, Transactions};
use crate::edn::Value;
use crate::history::History;
use versions::{Access, Versions, external_reads, external_writes};

/// Checks the `txn` operations of a history against consistency models, named as for Maelstrom's
/// `--consistency-models`.
///
/// The verdict is unknown if a model is not known, and if several transactions wrote one value to
/// one key that another one read. Transactions without any dependency are invalid.
pub fn check(history: &History, models: &[String]) -> TxnAnalysis {
    let requested = Requested::of(models);
    let mut found = Found::default();
    let failure = match Transactions::parse(history, "w") {
        Ok(txns) => {
            let versions = Versions::of(&txns, &mut found);
            reads::find(&txns, &mut found);
            lost_update::find(&txns, &mut found);
            let registers = Registers {
                txns: &txns,
                versions: &versions,
            };
            find_cycles(
                &txns,
                &registers,
                DataType::Register,
                &requested,
                prefer,
                &mut found,
            );
            versions.ambiguous(&txns).map(Failure::new)
        }
        Err(error) => Some(Failure::new(error)),
    };
    TxnAnalysis::new(DataType::Register, &requested, found, failure)
}

/// One register version is known to follow another only where a transaction read the one and wrote
/// the other, so behind each `ww` stands a `wr`, which says it better.
fn prefer(relation: Relation) -> u8 {
    match relation {
        Relation::Wr => 0,
        Relation::Ww => 1,
        other => 2 + other as u8,
    }
}

/// The dependencies that registers show.
struct Registers<'a, 'h> {
    txns: &'a Transactions<'h>,
    versions: &'a Versions<'h>,
}

/// What the links between the accesses to two versions have in common.
struct Step<'h> {
    relation: Relation,
    key: Key,
    version: Option<&'h Value>,
    next: Option<&'h Value>,
}

impl<'h> Step<'h> {
    fn link(&self, first: Access, second: Access) -> Link<'h> {
        let evidence = Evidence::Data {
            relation: self.relation,
            key: self.key,
            version: self.version,
            next: self.next,
            first_step: first.step,
            second_step: second.step,
        };
        Link {
            first: first.node,
            second: second.node,
            evidence,
        }
    }
}

impl<'h> Dependencies<'h> for Registers<'_, 'h> {
    fn links_to(&self, second: Node, yield_link: &mut dyn FnMut(Link<'h>)) {
        let txn = &self.txns.all[second];
        if !txn.is_ok() {
            return;
        }
        for (step, read) in external_reads(txn).filter(|(_, read)| !read.value.is_nil()) {
            let (key, version) = (read.key, Some(read.value));
            let link = Step {
                relation: Relation::Wr,
                key,
                version,
                next: None,
            };
            for writer in self.versions.writers(key, read.value) {
                yield_link(link.link(writer, Access { node: second, step }));
            }
        }
        for (step, write) in external_writes(txn) {
            let (key, next) = (write.key, Some(write.value));
            let second = Access { node: second, step };
            for version in self.versions.before(key, write.value) {
                let link = Step {
                    relation: Relation::Ww,
                    key,
                    version: Some(version),
                    next,
                };
                for writer in self.versions.writers(key, version) {
                    yield_link(link.link(writer, second));
                }
                let link = Step {
                    relation: Relation::Rw,
                    ..link
                };
                for reader in self.versions.readers(key, version) {
                    yield_link(link.link(reader, second));
                }
            }
            let link = Step {
                relation: Relation::Rw,
                key,
                version: None,
                next,
            };
            for reader in self.versions.readers(key, &Value::Nil) {
                yield_link(link.link(reader, second));
            }
        }
    }
}
