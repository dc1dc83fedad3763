//! The times at which something is due on each link.
//!
//! The hub of a large cluster has many links, of which an event changes one. So the time of a link
//! is computed when the link changes, not at each event.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

/// The earliest time at which something is due on each link.
#[derive(Default)]
pub(crate) struct Timers {
    queue: BTreeSet<(Instant, usize)>,
    by_peer: BTreeMap<usize, Instant>,
    /// The peers whose times have to be computed again.
    stale: BTreeSet<usize>,
    all_stale: bool,
}

impl Timers {
    /// Records that a link has changed.
    pub(crate) fn invalidate(&mut self, peer: usize) {
        self.stale.insert(peer);
    }

    /// Records a change on which the times of all links depend.
    pub(crate) fn invalidate_all(&mut self) {
        self.all_stale = true;
    }

    /// Takes the peers whose times have to be computed again; `None` stands for all.
    pub(crate) fn take_stale(&mut self) -> Option<BTreeSet<usize>> {
        let stale = std::mem::take(&mut self.stale);
        (!std::mem::take(&mut self.all_stale)).then_some(stale)
    }

    /// Sets the time of a link.
    pub(crate) fn set(&mut self, peer: usize, at: Option<Instant>) {
        let before = match at {
            Some(at) => self.by_peer.insert(peer, at),
            None => self.by_peer.remove(&peer),
        };
        if let Some(before) = before {
            self.queue.remove(&(before, peer));
        }
        self.queue.extend(at.map(|at| (at, peer)));
    }

    /// Returns the earliest time of all links.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Returns the peers on whose links something is due, in the order of the list of nodes.
    pub(crate) fn due(&self, now: Instant) -> Vec<usize> {
        let due = self.queue.range(..=(now, usize::MAX));
        let mut peers: Vec<usize> = due.map(|(_, peer)| *peer).collect();
        peers.sort_unstable();
        peers
    }
}
