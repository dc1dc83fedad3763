//! The orders that time imposes: of each process, and real time.

use super::graph::{Dependencies, Evidence, Link, Node, Relation};
use super::transaction::Transactions;
use crate::history::Process;
use std::collections::BTreeMap;
use std::ops::Range;

/// For each transaction those that came just before it.
pub struct TimeOrder {
    relation: Relation,
    /// The part of `before` that belongs to each transaction.
    parts: Vec<Range<u32>>,
    before: Vec<u32>,
}

impl TimeOrder {
    /// An order of so many transactions without any links.
    fn empty(relation: Relation, transactions: usize) -> TimeOrder {
        TimeOrder {
            relation,
            parts: vec![0..0; transactions],
            before: Vec::new(),
        }
    }

    /// Lets a transaction come after these.
    fn put(&mut self, node: Node, before: &[u32]) {
        let start = self.before.len() as u32;
        self.before.extend(before);
        self.parts[node] = start..self.before.len() as u32;
    }

    /// The transactions just before one, in the order of their ends.
    fn before(&self, node: Node) -> &[u32] {
        let Range { start, end } = self.parts[node];
        &self.before[start as usize..end as usize]
    }

    /// Each transaction that took place comes before the next one of its process that did.
    pub fn process(txns: &Transactions<'_>) -> TimeOrder {
        let mut order = TimeOrder::empty(Relation::Process, txns.all.len());
        let mut latest: BTreeMap<Process, u32> = BTreeMap::new();
        for (node, txn) in txns.ok() {
            let before = latest.insert(txn.operation.process, node as u32);
            order.put(node, before.as_slice());
        }
        order
    }

    /// Each transaction that took place comes before those that began after it had ended.
    ///
    /// The links are as few as possible: those that follow from others are left out. At any time
    /// the frontier holds the transactions that have ended and that none comes after yet which has
    /// ended as well. A new transaction comes directly after the frontier, and takes its place
    /// there once it ends. So a transaction has no more links than there are clients.
    pub fn realtime(txns: &Transactions<'_>) -> TimeOrder {
        // In the order in which they are handled if an operation is both.
        #[derive(PartialEq, Eq, PartialOrd, Ord)]
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
            events.push((txn.beginning().index as u32, node as u32, Event::Begin));
            // It is unknown when an indeterminate one takes place: maybe after all others.
            if txn.is_ok() {
                events.push((txn.operation.index as u32, node as u32, Event::End));
            }
        }
        events.sort_unstable();

        let mut order = TimeOrder::empty(Relation::Realtime, txns.all.len());
        // Transactions are numbered in the order of their ends, so this is always sorted.
        let mut frontier: Vec<u32> = Vec::new();
        for (_, node, event) in events {
            match event {
                Event::Begin => order.put(node as Node, &frontier),
                Event::End => {
                    let before = order.before(node as Node);
                    frontier.retain(|ended| before.binary_search(ended).is_err());
                    frontier.push(node);
                }
            }
        }
        order
    }
}

impl<'h> Dependencies<'h> for TimeOrder {
    fn links_to(&self, second: Node, yield_link: &mut dyn FnMut(Link<'h>)) {
        for &first in self.before(second) {
            yield_link(Link {
                first: first as Node,
                second,
                evidence: Evidence::Order(self.relation),
            });
        }
    }
}
