//! How items cross from one group to all others: straight from hub to hub.
//!
//! At the times at which a hub sends its own hub, the root, what its group has published, it sends the
//! same items to the hubs of all other groups. These messages have no head and are not confirmed. The
//! rounds of the root account for all items, but only name those that went straight. So a hub sees
//! what it lacks, and asks the root for it.
//!
//! The hub of a group is its first node, unless the root says otherwise.

use std::collections::BTreeSet;

use crate::gossip::Gossip;
use crate::log::Item;
use crate::send::MAX_ITEMS;
use crate::star::{Level, Star};
use crate::vector::Origin;

impl<T: Item> Star<T> {
    /// Sends the items of this group that are new to the hubs of all other groups but this node's own
    /// hub, which gets them in a message with a head.
    pub(crate) fn send_straight(&mut self) {
        let version = self.logs.version();
        let after = std::mem::replace(&mut self.exchange.sent, version);
        let own = |origin: &Origin| self.groups.are_together(origin.node, self.me);
        let changed = self.logs.changed_since(after).filter(own);
        let changed: Vec<Origin> = changed.collect();
        let mut messages = Vec::new();
        let mut left = 0;
        for origin in changed {
            let mut known = self.logs.upto_at(origin, after);
            while let Some(run) = self.logs.run(origin, known, MAX_ITEMS) {
                known = run.upto;
                if run.items.len() > left || messages.is_empty() {
                    messages.push(Vec::new());
                    left = MAX_ITEMS;
                }
                left -= run.items.len();
                messages.last_mut().expect("a message is open").push(run);
            }
        }
        for news in messages {
            self.send_to_other_hubs(&Gossip { news, head: None });
        }
    }

    fn send_to_other_hubs(&mut self, gossip: &Gossip<T>) {
        let unusual = std::mem::take(&mut self.exchange.hubs);
        let known: BTreeSet<usize> = unusual.iter().map(|hub| self.groups.group(*hub)).collect();
        let firsts = self.groups.firsts();
        let usual = firsts.filter(|&first| !known.contains(&self.groups.group(first)));
        let is_other = |hub: &usize| {
            let are_together = |node| self.groups.are_together(*hub, node);
            !are_together(self.me) && !are_together(self.hub)
        };
        for hub in usual.chain(unusual.iter().copied()).filter(is_other) {
            self.outgoing.push((hub, gossip.clone()));
        }
        self.exchange.hubs = unusual;
    }

    /// Returns the hubs that follow this node, of those groups in which the first node is not the only
    /// one. While no node fails, there are none.
    pub(crate) fn unusual_hubs(&self) -> Vec<usize> {
        let served = || self.served(Level::Hubs);
        let unusual = served().filter(|&hub| !self.groups.is_first(hub));
        let groups: BTreeSet<usize> = unusual.map(|hub| self.groups.group(hub)).collect();
        if groups.is_empty() {
            return Vec::new();
        }
        let is_listed = |hub: &usize| groups.contains(&self.groups.group(*hub));
        served().filter(is_listed).collect()
    }

    /// Records items that their origin, or the hub of its group, also sends straight to others.
    pub(crate) fn note_straight(&mut self, from: usize, items: &[(Origin, u64)]) {
        let is_straight = |origin: Origin| match self.windows.direct {
            Some(_) => origin.node == from,
            None => self.groups.are_together(origin.node, from),
        };
        if self.windows.direct.is_none() && self.groups.are_together(from, self.me) {
            return;
        }
        for &(origin, upto) in items.iter().filter(|(origin, _)| is_straight(*origin)) {
            self.logs.note_direct(origin, upto);
        }
    }
}
