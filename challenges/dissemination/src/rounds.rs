//! How items travel when nothing goes wrong: up to the hub, and down from it in rounds.
//!
//! A round departs as soon as there is something to say, but not within a round's time of the one
//! before. So a lone item is nowhere held up; and under load rounds follow each other like buses,
//! and everybody knows when the next one leaves.

use std::time::Duration;

use tokio::time::Instant;

use crate::gossip::{Gossip, Wants};
use crate::log::Item;
use crate::star::{CHUNK, Star, due};
use crate::timetable::Timetable;

/// So many items may be sent at a time to somebody who has never said what it holds: a hub that
/// was restarted shall not tell everybody what they told it.
const UNASKED_MAX: u64 = 64;

impl<T: Item> Star<T> {
    /// Decides when what the hub lacks is sent to it, if that is not decided yet. A hub that has
    /// been asked whether it is there must answer first.
    pub(crate) fn aim(&mut self, now: Instant) {
        let hub = self.hub();
        let decided = hub == self.me || self.up_at.is_some() || self.links[hub].is_asked();
        if decided || !self.exceeds(hub) {
            return;
        }
        self.up_at = Some(match (self.windows.direct, &self.timetable) {
            (Some(window), _) => now + window,
            (None, Some(timetable)) => timetable.aim(now),
            (None, None) => now,
        });
    }

    /// Takes the hub's word on when its next round departs, and aims anew.
    pub(crate) fn read_timetable(&mut self, next_ms: Option<u64>, now: Instant) {
        let rtt = self.rtt(self.hub());
        self.timetable = next_ms.zip(rtt.mean()).map(|(next_ms, mean)| Timetable {
            next: now + Duration::from_millis(next_ms),
            round: self.windows.round,
            rtt: mean,
            jitter: rtt.jitter(),
        });
        self.up_at = None;
        self.aim(now);
    }

    /// Sends what there is up to the hub.
    pub(crate) fn go_up(&mut self, now: Instant) {
        if !due(self.up_at, now) {
            return;
        }
        self.up_at = None;
        let hub = self.hub();
        // Another message may have taken it along.
        if hub != self.me && self.exceeds(hub) && !self.links[hub].is_asked() {
            self.tell(hub, Wants::Confirmation, now);
        }
    }

    /// When the next round departs, if there is anything to say.
    pub(crate) fn departs_at(&self) -> Option<Instant> {
        let mut served = self.peers().filter(|&peer| self.serves(peer));
        if !served.any(|peer| self.boards(peer)) {
            return None;
        }
        let in_turn = self.departed.map(|at| at + self.windows.round);
        Some(in_turn.unwrap_or(self.start))
    }

    /// Whether the next round has something for the peer: items, or a confirmation. One that has
    /// been asked whether it is there gets them with its answer.
    fn boards(&self, peer: usize) -> bool {
        let link = &self.links[peer];
        let behind = link.version < self.logs.version() || link.owed.is_some();
        behind && !link.is_asked()
    }

    /// Sends a round on its way.
    pub(crate) fn depart(&mut self, now: Instant) {
        if !due(self.departs_at(), now) {
            return;
        }
        self.departed = Some(now);
        for peer in self.peers() {
            if !self.serves(peer) || !self.boards(peer) {
                continue;
            }
            let link = &self.links[peer];
            let news = self.vector().lead_over(&link.sent);
            if link.stamp_heard.is_none() && news > UNASKED_MAX {
                self.ask(peer, now);
            } else {
                self.tell(peer, Wants::Confirmation, now);
            }
        }
    }

    /// Sends own items straight to everybody but the hub, which gets them in a proper message.
    pub(crate) fn go_direct(&mut self, now: Instant) {
        if !due(self.direct_at, now) {
            return;
        }
        self.direct_at = None;
        let news = self.logs.since_of(self.origin, self.direct_after, CHUNK);
        self.direct_after = self.vector().get(self.origin);
        let hub = self.hub();
        for peer in self.peers() {
            if peer == hub || self.links[peer].suspected.is_some() {
                continue;
            }
            self.links[peer].sent.raise(self.origin, self.direct_after);
            let news = news.clone();
            self.outgoing.push((peer, Gossip { news, head: None }));
        }
    }
}
