//! The protocol as a whole: the effect of each event, and the times at which actions are due.
//!
//! The caller reports events ([`Star::publish`], [`Star::receive`]), takes the messages to be sent
//! ([`Star::act`]), and comes back at [`Star::wake_at`] at the latest. What is due is computed from
//! the state, so no timer has to be cancelled.

use std::time::Duration;

use tokio::time::Instant;

use crate::gossip::{Gossip, Head, Wants};
use crate::log::Item;
use crate::star::{Level, Star, is_due};
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
        let awaited_round = self.awaits_round(from);
        let waited = Duration::from_millis(gossip.head.as_ref().map_or(0, |head| head.waited));
        let direct = gossip.head.is_none();
        let (mut learnt, mut items) = (Vec::new(), Vec::new());
        let node_count = self.groups.node_count();
        for run in gossip.news {
            if run.origin.node >= node_count {
                continue;
            }
            items.push((run.origin, run.upto));
            self.logs.learn(run, &mut learnt);
        }
        self.note_straight(from, &items);
        match gossip.head {
            Some(head) => self.read_head(from, head, items, now),
            None if self.groups.are_many() => {}
            None => self.read_direct(from, items),
        }
        if direct && !self.groups.are_many() || self.is_neighbour(from) {
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
        if !awaited_round && self.awaits_round(from) {
            let level = self.level_of(from);
            self.rounds_mut(level).settled = None;
        }
        self.timers.invalidate(from);
        learnt
    }

    /// Records items that came straight from their origin.
    fn read_direct(&mut self, from: usize, mut items: Vec<(Origin, u64)>) {
        items.retain(|&(origin, upto)| self.logs.upto(origin) < upto);
        if !items.is_empty() {
            self.links[from].incoming.take_early(items);
        }
    }

    fn read_head(&mut self, from: usize, head: Head, items: Vec<(Origin, u64)>, now: Instant) {
        let hub_before = self.hub();
        let now_ms = self.ms(now);
        let last = self.groups.node_count() - 1;
        let link_before = (self.hub_of(from), self.links[from].is_suspected());
        let link = &mut self.links[from];
        let current = link.take_stamp(&head, now);
        if current {
            (link.hub, link.hub_heard) = (Some(head.hub.min(last)), Some(now));
        }
        match head.wants {
            Wants::Nothing => {}
            Wants::Confirmation => link.owe_confirmation(now),
            Wants::Answer => link.answer_owed = true,
        }
        self.read_versions(from, &head, items, current);
        let link = &mut self.links[from];
        if let Some((stamp, held_ms)) = head.echo {
            link.confirm(stamp, now);
            self.measure_rtt(from, stamp, held_ms, head.next.is_some(), now_ms);
        }
        let its_hub = self.hub_of(from);
        let changed = link_before != (its_hub, self.links[from].is_suspected());
        if changed || self.links[its_hub].is_suspected() {
            self.choose_hub();
        }
        let hub = self.hub();
        if changed || hub != hub_before {
            self.note_change_of_links();
        }
        if hub != hub_before {
            self.change_hub(hub_before, now);
        }
        if from == hub || hub == self.me {
            self.hello_at = None;
        }
        if from == hub {
            self.hubs_lost = 0;
            let hubs = head.hubs.into_iter();
            self.exchange.hubs = hubs.filter(|&hub| hub <= last).collect();
            self.read_timetable(head.next, head.lead, now);
        }
        self.check_hub(from, now);
    }

    /// Records what a message says of its sender's logs and of what the sender holds of this node's.
    fn read_versions(
        &mut self,
        from: usize,
        head: &Head,
        mut items: Vec<(Origin, u64)>,
        current: bool,
    ) {
        let incarnation = self.origin.incarnation;
        items.extend(head.have.entries());
        let link = &mut self.links[from];
        for &(origin, upto) in &items {
            link.outgoing.has.raise(origin, upto);
        }
        let seen = (head.peer == Some(incarnation)).then_some(head.seen);
        if let Some(seen) = seen {
            link.outgoing.acknowledge(seen, &self.logs);
        }
        if current && head.wants == Wants::Answer {
            // The peer lacks what it does not list, even if it was sent.
            link.outgoing.rewind_to(seen.unwrap_or(0));
        }
        let is_meant = head.peer.is_none_or(|it| it == incarnation);
        if current {
            link.incoming.set_mismatched(!is_meant);
        }
        if let Some(versions) = head.versions.filter(|_| is_meant) {
            link.incoming.take(versions, items, &self.logs);
        }
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
        self.refresh_timers();
        loop {
            self.act_on_links(now);
            self.act_on_rounds(now);
            self.refresh_timers();
            if self.timers.due(now).is_empty() {
                return std::mem::take(&mut self.outgoing);
            }
        }
    }

    fn act_on_links(&mut self, now: Instant) {
        loop {
            let due = self.timers.due(now);
            if due.is_empty() {
                return;
            }
            for peer in due {
                self.retry_or_suspect(peer, now);
                self.probe(peer, now);
                self.answer(peer, now);
                self.confirm(peer, now);
                self.timers.invalidate(peer);
            }
            self.refresh_timers();
        }
    }

    fn act_on_rounds(&mut self, now: Instant) {
        self.send_hello(now);
        self.send_direct(now);
        // A round to the hubs moves the schedule of the rounds to the group.
        let [group, hubs] = [Level::Group, Level::Hubs].map(|level| {
            let is_due = is_due(self.next_round_at(level), now);
            is_due.then_some(level)
        });
        if let Some(level) = hubs {
            self.send_round(level, now);
        }
        self.send_to_hub(now);
        if let Some(level) = group {
            self.send_round(level, now);
        }
        self.settle_rounds();
    }

    /// Computes again when something is due on the links that have changed.
    fn refresh_timers(&mut self) {
        let peers: Vec<usize> = match self.timers.take_stale() {
            Some(stale) => stale.into_iter().collect(),
            None => self.links.used().collect(),
        };
        for peer in peers {
            let times = [
                self.late_at(peer),
                self.probe_at(peer),
                self.answer_at(peer),
                self.confirm_at(peer),
            ];
            let first = times.into_iter().flatten().min();
            self.timers.set(peer, first);
        }
    }

    /// Returns the time at which something is due if no event comes before.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let own = [
            self.hello_at,
            self.direct_at,
            self.up.send_at,
            self.next_round_at(Level::Group),
            self.next_round_at(Level::Hubs),
            self.timers.first(),
        ];
        own.into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;
