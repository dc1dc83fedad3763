//! How items travel without faults: up to the hub and down from it in rounds, or straight from
//! their origin to all nodes.

use std::time::Duration;

use tokio::time::Instant;

use crate::gossip::{Gossip, Wants};
use crate::link::State;
use crate::log::Item;
use crate::send::MAX_ITEMS;
use crate::star::{Level, Star, is_due};
use crate::timetable::Timetable;

impl<T: Item> Star<T> {
    /// Schedules the message that sends the hub what it lacks, unless one is scheduled.
    pub(crate) fn schedule_send_to_hub(&mut self, now: Instant) {
        let hub = self.hub();
        if hub == self.me || !self.exceeds(hub) {
            return;
        }
        self.up.waiting_since.get_or_insert(now);
        // A hub also sends items straight to other hubs, whether or not its own hub answers.
        let is_open = self.is_group_hub() || self.links[hub].state == State::Open;
        if self.up.send_at.is_some() || !is_open {
            return;
        }
        self.up.send_at = Some(match (self.windows.direct, &self.up.timetable) {
            (Some(window), _) => now + window,
            _ if self.is_group_hub() => self.next_exchange_at(now),
            (None, Some(timetable)) => timetable.send_at(now),
            (None, None) => now,
        });
    }

    /// Records the hub's announcement of its next round, and of its rounds to other hubs before, if
    /// there is one.
    pub(crate) fn read_timetable(&mut self, next_ms: Option<u64>, lead_ms: u64, now: Instant) {
        let rtt = self.links[self.hub()].rtt.recent();
        // A hub exchanges few messages with the root, and has to know the common schedule soon.
        let rtt = rtt.or_else(|| self.rtt.recent().filter(|_| self.is_group_hub()));
        let interval = self.windows.round;
        self.up.timetable = next_ms.zip(rtt).map(|(next_ms, rtt)| Timetable {
            next: now + Duration::from_millis(next_ms),
            interval,
            rtt,
            lead: Duration::from_millis(lead_ms).min(interval),
        });
        self.up.send_at = None;
        self.schedule_send_to_hub(now);
    }

    /// Discards the timetable of a hub that this node no longer follows.
    pub(crate) fn discard_timetable(&mut self) {
        self.up.timetable = None;
        self.up.send_at = None;
    }

    /// Sends the hub what it lacks, if that is due.
    pub(crate) fn send_to_hub(&mut self, now: Instant) {
        if !is_due(self.up.send_at, now) {
            return;
        }
        self.up.send_at = None;
        let hub = self.hub();
        if self.is_group_hub() {
            self.note_round(Level::Hubs, now);
            self.send_straight();
        }
        // Another message may have carried the items.
        if hub != self.me && self.exceeds(hub) && self.links[hub].state == State::Open {
            self.send_news(hub, Wants::Confirmation, now);
        }
    }

    /// Returns the time of the next round of a level, if any peer needs one.
    pub(crate) fn next_round_at(&self, level: Level) -> Option<Instant> {
        if self.rounds(level).settled == Some(self.logs.version()) {
            return None;
        }
        let mut served = self.served(level);
        let needed = served.any(|peer| self.needs_round_message(peer));
        needed.then(|| self.round_possible_at(level))
    }

    /// Records whether no peer needs a round. So it is not computed again before that may change.
    pub(crate) fn settle_rounds(&mut self) {
        for level in [Level::Group, Level::Hubs] {
            let settled = self.next_round_at(level).is_none();
            self.rounds_mut(level).settled = settled.then(|| self.logs.version());
        }
    }

    /// Returns whether the next round has a message for the peer.
    pub(crate) fn awaits_round(&self, peer: usize) -> bool {
        self.serves(peer) && self.needs_round_message(peer)
    }

    /// Returns whether the next round has items or a confirmation for the peer. A peer that is
    /// questioned gets them with its answer.
    fn needs_round_message(&self, peer: usize) -> bool {
        let link = &self.links[peer];
        let behind = link.stated_version < self.logs.version() || link.owed.is_some();
        behind && link.state == State::Open
    }

    /// Sends a round of a level.
    pub(crate) fn send_round(&mut self, level: Level, now: Instant) {
        self.note_round(level, now);
        let served: Vec<usize> = self.served(level).collect();
        for peer in served {
            if !self.needs_round_message(peer) {
                continue;
            }
            if !self.is_unknown(peer) {
                self.send_news(peer, Wants::Confirmation, now);
            } else if !self.links[peer].is_asked() {
                self.send_question(peer, now);
            }
        }
    }

    /// Schedules the sending of own items straight to all nodes, if the windows provide for it.
    pub(crate) fn schedule_direct(&mut self, now: Instant) {
        if let Some(window) = self.windows.direct {
            self.direct_at.get_or_insert(now + window);
        }
    }

    /// Sends own items straight to all nodes but the hub, which gets them in a message with a head.
    pub(crate) fn send_direct(&mut self, now: Instant) {
        if !is_due(self.direct_at, now) {
            return;
        }
        self.direct_at = None;
        let hub = self.hub();
        let unsuspected = |&peer: &usize| peer != hub && !self.links[peer].is_suspected();
        let receivers: Vec<usize> = self.peers().filter(unsuspected).collect();
        while let Some(run) = self.logs.run(self.origin, self.direct_after, MAX_ITEMS) {
            self.direct_after = run.upto;
            self.logs.note_direct(self.origin, run.upto);
            for &peer in &receivers {
                let news = vec![run.clone()];
                self.outgoing.push((peer, Gossip { news, head: None }));
            }
        }
    }
}
