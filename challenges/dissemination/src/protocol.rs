//! The protocol as a whole: the effect of each event, and the times at which actions are due.
//!
//! The caller reports events ([`Star::publish`], [`Star::receive`]), takes the messages to be sent
//! ([`Star::act`]), and comes back at [`Star::wake_at`] at the latest. Each call computes from the
//! state what is due, so no timer has to be cancelled.

use std::time::Duration;

use tokio::time::Instant;

use crate::gossip::{Gossip, Head, Wants};
use crate::log::Item;
use crate::star::Star;
use crate::vector::Origin;

impl<T: Item> Star<T> {
    /// Adds an item of this node.
    pub(crate) fn publish(&mut self, item: T, now: Instant) {
        self.logs.push(self.origin, item);
        self.schedule_direct(now);
        self.schedule_send_to_hub(now);
    }

    /// Handles a message. Returns the items that are new, each once, in the order of their origin.
    pub(crate) fn receive(
        &mut self,
        from: usize,
        gossip: Gossip<T>,
        now: Instant,
    ) -> Vec<(Origin, T)> {
        let was_suspected = self.links[from].is_suspected();
        let was_asked = self.links[from].is_asked();
        let waited = Duration::from_millis(gossip.head.as_ref().map_or(0, |head| head.waited));
        let direct = gossip.head.is_none();
        let (mut learnt, mut spread) = (Vec::new(), Vec::new());
        for run in gossip.news {
            spread.push((run.origin, run.upto));
            self.logs.learn(run, &mut learnt);
        }
        if let Some(head) = gossip.head {
            self.read_head(from, head, now);
        }
        for (origin, upto) in spread {
            self.note_spread(from, origin, upto);
        }
        if direct || self.is_neighbour(from) {
            // If an answer was too long for one message, ask for the rest at once.
            let more = was_asked && !self.links[from].is_asked() && !learnt.is_empty();
            self.look_for_gaps(from, more, now);
        }
        if !learnt.is_empty() {
            self.note_waited(waited, now);
            if was_suspected && !self.links[from].is_suspected() {
                self.note_reconnect(now);
            }
            self.schedule_send_to_hub(now);
        }
        learnt
    }

    /// Records that the sender of items holds them, and that they are on their way to all nodes if
    /// their origin sends to all.
    fn note_spread(&mut self, from: usize, origin: Origin, upto: u64) {
        self.links[from].has.raise(origin, upto);
        if self.windows.direct.is_some() && origin.node == from {
            for link in &mut self.links {
                link.sent.raise(origin, upto);
            }
        } else {
            self.links[from].sent.raise(origin, upto);
        }
    }

    fn read_head(&mut self, from: usize, head: Head, now: Instant) {
        let hub_before = self.hub();
        let now_ms = self.ms(now);
        let last = self.links.len() - 1;
        let link = &mut self.links[from];
        let current = link.take_stamp(&head, now);
        if current {
            (link.hub, link.hub_heard) = (head.hub.min(last), Some(now));
        }
        match head.wants {
            Wants::Nothing => {}
            Wants::Confirmation => link.owe_confirmation(now),
            Wants::Answer => link.answer_owed = true,
        }
        if current && head.wants == Wants::Answer {
            // The peer lacks what it does not list, even if it was sent.
            link.sent = head.have.clone();
            link.has = head.have;
        } else {
            link.has.merge(&head.have);
            link.sent.merge(&head.have);
        }
        if let Some((stamp, held_ms)) = head.echo {
            link.confirm(stamp, now);
            self.measure_rtt(from, stamp, held_ms, head.next.is_some(), now_ms);
        }
        let hub = self.hub();
        if hub != hub_before {
            self.change_hub(hub_before, now);
        }
        if from == hub || hub == self.me {
            self.hello_at = None;
        }
        if from == hub {
            self.hubs_lost = 0;
            self.read_timetable(head.next, now);
        }
        self.check_hub(from, now);
    }

    /// Records the round-trip time that an echo proves. Only echoes that came with announced rounds
    /// count for the timetable, since messages may be late while a cluster starts.
    fn measure_rtt(&mut self, from: usize, stamp: u64, held_ms: u64, announced: bool, now_ms: u64) {
        let link = &mut self.links[from];
        if let Some(rtt_ms) = link.measure(stamp, held_ms, now_ms) {
            link.rtt.add_to_mean(rtt_ms);
            if announced {
                link.rtt.add_to_recent(rtt_ms);
            }
            self.rtt.add_to_mean(rtt_ms);
            self.rtt.add_to_recent(rtt_ms);
        }
    }

    /// Performs all actions that are due, and returns the messages to be sent, with their
    /// receivers.
    pub(crate) fn act(&mut self, now: Instant) -> Vec<(usize, Gossip<T>)> {
        for peer in self.peers() {
            self.retry_or_suspect(peer, now);
            self.probe(peer, now);
            self.answer(peer, now);
            self.confirm(peer, now);
        }
        self.send_hello(now);
        self.send_direct(now);
        self.send_to_hub(now);
        self.send_round(now);
        std::mem::take(&mut self.outgoing)
    }

    /// Returns the time at which something is due if no event comes before.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let own = [
            self.hello_at,
            self.direct_at,
            self.up.send_at,
            self.next_round_at(),
        ];
        let peers = self.peers().flat_map(|peer| {
            [
                self.late_at(peer),
                self.probe_at(peer),
                self.answer_at(peer),
                self.confirm_at(peer),
            ]
        });
        own.into_iter().chain(peers).flatten().min()
    }
}

#[cfg(test)]
mod tests;
