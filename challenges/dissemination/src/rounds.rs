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

const FIRST_ROUND: Duration = Duration::from_millis(300);
const STARTUP_ROUND: Duration = Duration::from_millis(190);
const STARTUP_ROUNDS: u32 = 6;
const TOLERANCE: Duration = Duration::from_millis(30);
const COALESCE: Duration = Duration::from_millis(5);

impl<T: Item> Star<T> {
    fn starting(&self) -> bool {
        self.windows.direct.is_none()
            && self.rounds_sent < STARTUP_ROUNDS
            && !self.rtt.steady()
    }

    pub(crate) fn interval(&self) -> Duration {
        if self.starting() { STARTUP_ROUND.min(self.windows.round) } else { self.windows.round }
    }

    pub(crate) fn announced(&self, now: Instant) -> Option<Duration> {
        self.departed.filter(|_| !self.starting()).map(|at| at + self.windows.round - now)
    }

    pub(crate) fn note_deadline(&mut self, waited_ms: u64, now: Instant) {
        if self.windows.direct.is_some() || waited_ms == 0 {
            return;
        }
        let left = self.windows.round.saturating_sub(Duration::from_millis(waited_ms));
        let at = now + left.max(COALESCE);
        self.overdue_at = Some(self.overdue_at.map_or(at, |it| it.min(at)));
    }

    /// Decides when what the hub lacks is sent to it, if that is not decided yet. A hub that has
    /// been asked whether it is there must answer first.
    pub(crate) fn aim(&mut self, now: Instant) {
        let hub = self.hub();
        if hub != self.me && self.exceeds(hub) {
            self.unsent_since.get_or_insert(now);
        }
        let decided = hub == self.me || self.up_at.is_some() || (self.links[hub].is_asked() && self.links[hub].greeted.is_none());
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
        self.timetable = next_ms.zip(rtt.recent()).map(|(next_ms, rtt)| Timetable {
            next: now + Duration::from_millis(next_ms),
            round: self.windows.round,
            rtt,
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
        if hub != self.me && self.exceeds(hub) && (!self.links[hub].is_asked() || self.links[hub].greeted.is_some()) {
            self.tell(hub, Wants::Confirmation, now);
        }
    }

    /// When the next round departs, if there is anything to say.
    pub(crate) fn departs_at(&self) -> Option<Instant> {
        let mut served = self.peers().filter(|&peer| self.serves(peer));
        if !served.any(|peer| self.boards(peer)) {
            return None;
        }
        let in_turn = match self.departed {
            Some(at) => at + self.interval(),
            None if self.windows.direct.is_none() => self.start + FIRST_ROUND.min(self.windows.round),
            None => self.start,
        };
        let overdue = self.overdue_at.filter(|at| *at + TOLERANCE < in_turn);
        Some(overdue.unwrap_or(in_turn))
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
        self.rounds_sent += 1;
        self.overdue_at = None;
        for peer in self.peers() {
            if !self.serves(peer) || !self.boards(peer) {
                continue;
            }
            let link = &self.links[peer];
            let news = self.vector().lead_over(&link.sent);
            if link.stamp_heard.is_none() && link.stamp_sent == 0 && news > UNASKED_MAX {
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
