//! Failover: a peer that does not answer is suspected, probed, and replaced if it was the hub.
//!
//! A peer that leaves a message and two questions unanswered is suspected until it confirms
//! something that was sent to it since.

use std::time::Duration;

use tokio::time::Instant;

use crate::gossip::Wants;
use crate::link::{State, Suspicion};
use crate::log::Item;
use crate::star::{Star, is_due};

/// The time for which a confirmation shows that the hub can be reached.
const CONFIRMATION_VALID_FOR: Duration = Duration::from_secs(2);

impl<T: Item> Star<T> {
    /// Suspects a peer until it answers.
    pub(crate) fn suspect(&mut self, peer: usize, now: Instant) {
        let hub_before = self.hub();
        let link = &mut self.links[peer];
        link.ask_at = None;
        link.state = State::Suspected(Suspicion::new(now));
        self.choose_hub();
        self.note_change_of_links();
        if peer == hub_before {
            self.follow_next_hub(now);
        }
    }

    /// Replaces a lost hub by the next node. That node may be lost as well, so this node asks more
    /// candidates at a time the more hubs it has lost in a row.
    fn follow_next_hub(&mut self, now: Instant) {
        let count = 1 << self.hubs_lost.min(10);
        self.hubs_lost += 1;
        let candidates = self.groups.candidates(self.me);
        let candidates = candidates.filter(|&peer| !self.links[peer].is_suspected());
        let candidates: Vec<usize> = candidates.take(count).collect();
        for candidate in candidates {
            if !self.links[candidate].is_asked() {
                self.links[candidate].state = State::Questioned;
                self.send_question(candidate, now);
            }
        }
        self.discard_timetable();
        self.schedule_send_to_hub(now);
    }

    /// Follows a better hub that can be reached again, and informs the old one.
    pub(crate) fn change_hub(&mut self, hub_before: usize, now: Instant) {
        self.up.waiting_since = now.checked_sub(self.waited_before_reconnect());
        self.send_news(self.hub(), Wants::Confirmation, now);
        if hub_before != self.me {
            self.send_state(hub_before, now);
        }
        self.discard_timetable();
    }

    /// Checks this node's hub after a message from a later node that says it is a hub, or that it follows
    /// this node. That node cannot reach this node's hub, so perhaps no node can.
    pub(crate) fn check_hub(&mut self, from: usize, now: Instant) {
        let hub = self.hub();
        let its_hub = self.hub_of(from);
        let are_together = |a, b| self.groups.are_together(a, b);
        let is_hub = its_hub == from || are_together(from, self.me) && !are_together(its_hub, from);
        let rival = is_hub && self.groups.precedes(hub, from) && hub != self.me;
        // In a large cluster a node sends so rarely that it may notice a dead hub late. A node that has
        // noticed follows the next one.
        let is_successor = self.groups.are_many() && its_hub == self.me && !self.is_hub();
        let link = &self.links[hub];
        let valid_until = link.confirmed.map(|at| at + CONFIRMATION_VALID_FOR);
        if (rival || is_successor)
            && valid_until.is_none_or(|until| until < now)
            && !link.is_asked()
        {
            self.send_news(hub, Wants::Answer, now);
        }
    }

    /// Probes a suspected peer, if a probe is due.
    pub(crate) fn probe(&mut self, peer: usize, now: Instant) {
        if !is_due(self.probe_at(peer), now) {
            return;
        }
        self.send_question(peer, now);
        let link = &mut self.links[peer];
        if let State::Suspected(suspicion) = link.state {
            link.state = State::Suspected(suspicion.probed(now));
        }
    }

    /// Returns the time of the next probe. A node probes the nodes that it would serve, and its
    /// hub's hub, which other nodes can reach. If it is a hub itself, it also probes all nodes
    /// before it: in its group, or if it is the root, in all groups.
    pub(crate) fn probe_at(&self, peer: usize) -> Option<Instant> {
        let suspicion = self.links[peer].suspicion()?;
        let hub = self.hub();
        let wanted = if self.groups.precedes(peer, self.me) {
            let is_of_group = self.groups.are_together(peer, self.me);
            !self.groups.precedes(hub, self.me)
                || self.hub_of(hub) == peer
                || is_of_group && self.is_hub()
        } else {
            self.is_responsible_for(peer)
        };
        wanted.then_some(suspicion.probe_at)
    }
}
