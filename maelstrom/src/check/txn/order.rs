//! The orders that time imposes: of each process, and real time.

use super::graph::{Dependencies, Evidence, Link, Node, Relation};
use super::transaction::Transactions;
use crate::history::Process;
use std::collections::BTreeMap;

/// For each transaction those that came just before it.
pub struct TimeOrder {
    relation: Relation,
    before: Vec<Vec<Node>>,
}

impl TimeOrder {
    /// Each transaction that took place comes before the next one of its process that did.
    pub fn process(txns: &Transactions<'_>) -> TimeOrder {
        let mut before = vec![Vec::new(); txns.all.len()];
        let mut latest: BTreeMap<Process, Node> = BTreeMap::new();
        for (node, txn) in txns.ok() {
            before[node].extend(latest.insert(txn.operation.process, node));
        }
        TimeOrder {
            relation: Relation::Process,
            before,
        }
    }

    /// Each transaction that took place comes before those that began after it had ended.
    ///
    /// The links are as few as possible: those that follow from others are left out. At any time
    /// the frontier holds the transactions that have ended and that none comes after yet which has
    /// ended as well. A new transaction comes directly after the frontier, and takes its place
    /// there once it ends. So a transaction has no more links than there are clients.
    pub fn realtime(txns: &Transactions<'_>) -> TimeOrder {
        enum Event {
            Begin,
            End,
        }
        let mut events = Vec::with_capacity(2 * txns.all.len());
        for (node, txn) in txns
            .all
            .iter()
            .enumerate()
            .filter(|(_, txn)| !txn.is_failed())
        {
            events.push((txn.beginning().index, node, Event::Begin));
            // It is unknown when an indeterminate one takes place: maybe after all others.
            if txn.is_ok() {
                events.push((txn.operation.index, node, Event::End));
            }
        }
        events.sort_by_key(|&(index, _, _)| index);

        let mut before = vec![Vec::new(); txns.all.len()];
        let mut frontier: Vec<Node> = Vec::new();
        for (_, node, event) in events {
            match event {
                Event::Begin => before[node] = frontier.clone(),
                Event::End => {
                    frontier.retain(|ended| !before[node].contains(ended));
                    frontier.push(node);
                }
            }
        }
        TimeOrder {
            relation: Relation::Realtime,
            before,
        }
    }
}

impl<'h> Dependencies<'h> for TimeOrder {
    fn links_to(&self, second: Node, yield_link: &mut dyn FnMut(Link<'h>)) {
        for &first in &self.before[second] {
            yield_link(Link {
                first,
                second,
                evidence: Evidence::Order(self.relation),
            });
        }
    }
}
