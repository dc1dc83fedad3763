//! Whom to follow, without anybody to decide it.
//!
//! The hub is the first node in the cluster's list that can be reached. Every node judges that for
//! itself: a peer that leaves a message and two questions unanswered is *suspected* until it
//! answers something that was sent to it since. So those who can reach each other soon agree, on
//! both sides of a partition; and where the sides disagree about who reaches whom, a node whose
//! hub has a hub of its own simply links two stars. A node follows only nodes before itself, so
//! there is no circle.

use tokio::time::Instant;

use crate::gossip::Wants;
use crate::link::Suspicion;
use crate::log::Item;
use crate::star::Star;

/// So many questions remain unanswered before a peer is suspected.
const QUESTIONS: u32 = 2;

impl<T: Item> Star<T> {
    /// Whose rounds this node takes part in: its own, if it can reach no node before itself.
    pub(crate) fn hub(&self) -> usize {
        let reachable = |&peer: &usize| self.links[peer].suspected.is_none();
        (0..self.me).find(reachable).unwrap_or(self.me)
    }

    /// Whether this node's rounds go to the peer.
    pub(crate) fn serves(&self, peer: usize) -> bool {
        self.links[peer].suspected.is_none() && self.is_responsible_for(peer)
    }

    /// A node serves those after itself that follow it; and if it is a hub, those that may not
    /// have noticed yet that their own hub cannot be reached.
    fn is_responsible_for(&self, peer: usize) -> bool {
        let link = &self.links[peer];
        if peer < self.me || link.hub == self.me {
            return peer > self.me;
        }
        let lost = link.hub < self.me && self.hub() == self.me;
        let suspicion = self.links[link.hub].suspected;
        lost && suspicion.is_some_and(|s| link.hub_told.is_none_or(|told| told < s.since))
    }

    /// Asks a peer that is late with its confirmation; gives it up if it does not answer.
    pub(crate) fn wait_for(&mut self, peer: usize, now: Instant) {
        if self.late_at(peer).is_none_or(|at| at > now) {
            return;
        }
        let link = &mut self.links[peer];
        let asks = link.waiting.map_or(0, |waiting| waiting.asks);
        if asks == QUESTIONS {
            return self.suspect(peer, now);
        }
        if asks > 0 {
            return self.ask(peer, now);
        }
        // Perhaps the message was lost: its content goes out again.
        link.sent = link.has.clone();
        self.tell(peer, Wants::Answer, now);
    }

    fn suspect(&mut self, peer: usize, now: Instant) {
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

    /// A hub that says it cannot reach ours gives reason to ask ours whether it is there.
    pub(crate) fn doubt_hub(&mut self, from: usize, now: Instant) {
        let hub = self.hub();
        let rival = self.links[from].hub == from && from > hub && hub != self.me;
        if rival && !self.links[hub].is_asked() {
            self.ask(hub, now);
        }
    }

    /// Tries a suspected peer again.
    pub(crate) fn probe(&mut self, peer: usize, now: Instant) {
        if self.probe_at(peer).is_none_or(|at| at > now) {
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
            hub == self.me || self.links[hub].hub == peer
        } else {
            self.is_responsible_for(peer)
        };
        wanted.then_some(suspicion.probe_at)
    }
}
