//! Whom to follow, without anybody to decide it.
//!
//! The hub is the first node in the cluster's list that can be reached. Every node judges that for
//! itself: a peer that leaves a message and two questions unanswered is *suspected* until it
//! answers something that was sent to it since. So those who can reach each other soon agree, on
//! both sides of a partition; and where the sides disagree about who reaches whom, a node whose
//! hub has a hub of its own simply links two stars. A node follows only nodes before itself, or
//! one that can reach such a node where it cannot; so there is no circle.

use std::time::Duration;

use tokio::time::Instant;

use crate::gossip::Wants;
use crate::link::Suspicion;
use crate::log::Item;
use crate::star::{Star, due};

/// For so long is an answer good for.
const CERTAIN: Duration = Duration::from_secs(2);

impl<T: Item> Star<T> {
    /// Whose rounds this node takes part in: its own, if it can reach no node before itself, and
    /// nobody who can.
    pub(crate) fn hub(&self) -> usize {
        let reachable = |&peer: &usize| self.links[peer].suspected.is_none();
        let bridge = || (self.me + 1..self.links.len()).find(|&peer| self.is_bridge(peer));
        let before = (0..self.me).find(reachable);
        before.or_else(bridge).unwrap_or(self.me)
    }

    /// Whether a peer after this node has a hub before it that it cannot reach itself, and has said
    /// so since. To follow such a peer links two stars; and as its hub is before this node, that
    /// makes no circle, either.
    fn is_bridge(&self, peer: usize) -> bool {
        let link = &self.links[peer];
        if link.hub >= self.me || link.suspected.is_some() {
            return false;
        }
        let suspicion = self.links[link.hub].suspected;
        suspicion.is_some_and(|s| link.hub_told.is_some_and(|told| told >= s.since))
    }

    /// Whether this node's rounds go to the peer.
    pub(crate) fn serves(&self, peer: usize) -> bool {
        self.links[peer].suspected.is_none() && self.is_responsible_for(peer)
    }

    /// Whether items travel between this node and the peer. From others it hears by accident, and
    /// expects nothing of them.
    pub(crate) fn is_neighbour(&self, peer: usize) -> bool {
        peer == self.hub() || self.serves(peer)
    }

    /// A node serves those after itself that follow it; and if it is a hub, those that may not
    /// have noticed yet that their own hub cannot be reached.
    fn is_responsible_for(&self, peer: usize) -> bool {
        let link = &self.links[peer];
        if link.hub == self.me {
            return peer != self.hub();
        }
        if peer < self.me {
            return false;
        }
        let lost = link.hub < self.me && self.hub() == self.me;
        let suspicion = self.links[link.hub].suspected;
        lost && suspicion.is_some_and(|s| link.hub_told.is_none_or(|told| told < s.since))
    }

    /// Counts on a peer no more, until it answers.
    pub(crate) fn suspect(&mut self, peer: usize, now: Instant) {
        let hub_before = self.hub();
        let link = &mut self.links[peer];
        let suspicion = Suspicion {
            since: now,
            probe_at: now,
        };
        link.lacking = None;
        link.suspected = Some(Suspicion {
            probe_at: link.next_probe(suspicion, now),
            ..suspicion
        });
        if peer == hub_before {
            self.follow_another(now);
        }
    }

    /// The hub is lost. The next one may be as well, so the more hubs were lost in a row, the more
    /// candidates are asked at a time.
    fn follow_another(&mut self, now: Instant) {
        let count = 1 << self.hubs_lost.min(10);
        self.hubs_lost += 1;
        let candidates = (0..self.me).filter(|&peer| self.links[peer].suspected.is_none());
        let candidates: Vec<usize> = candidates.take(count).collect();
        for candidate in candidates {
            if !self.links[candidate].is_asked() {
                self.ask(candidate, now);
            }
        }
        self.forget_timetable();
        self.aim(now);
    }

    /// A better hub has come back: it shall know who follows it, and the old one who does not.
    pub(crate) fn change_hub(&mut self, hub_before: usize, now: Instant) {
        self.tell(self.hub(), Wants::Confirmation, now);
        if hub_before != self.me {
            self.note(hub_before, now);
        }
        self.forget_timetable();
    }

    /// Nothing is known yet of a new hub's rounds.
    fn forget_timetable(&mut self) {
        self.timetable = None;
        self.up_at = None;
    }

    /// A hub that says it cannot reach ours gives reason to ask ours whether it is there, unless
    /// it has just shown that it is.
    pub(crate) fn doubt_hub(&mut self, from: usize, now: Instant) {
        let hub = self.hub();
        let rival = self.links[from].hub == from && from > hub && hub != self.me;
        let certain_until = self.links[hub].proven.map(|at| at + CERTAIN);
        if rival && certain_until.is_none_or(|until| until < now) && !self.links[hub].is_asked() {
            self.tell(hub, Wants::Answer, now);
        }
    }

    /// Tries a suspected peer again.
    pub(crate) fn probe(&mut self, peer: usize, now: Instant) {
        if !due(self.probe_at(peer), now) {
            return;
        }
        self.ask(peer, now);
        let link = &mut self.links[peer];
        if let Some(suspicion) = link.suspected {
            let probe_at = link.next_probe(suspicion, now);
            link.suspected = Some(Suspicion {
                probe_at,
                ..suspicion
            });
        }
    }

    /// A node tries those whom it would serve; its hub's hub, since that can be reached by others;
    /// and if it is a hub itself, all before it.
    pub(crate) fn probe_at(&self, peer: usize) -> Option<Instant> {
        let suspicion = self.links[peer].suspected?;
        let hub = self.hub();
        let wanted = if peer < self.me {
            hub >= self.me || self.links[hub].hub == peer
        } else {
            self.is_responsible_for(peer)
        };
        wanted.then_some(suspicion.probe_at)
    }
}
