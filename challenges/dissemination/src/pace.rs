//! When a hub's rounds depart.
//!
//! A round departs as soon as there is something to send, but not within [`Windows::round`] of the
//! one before. So a single item is not delayed at all, and under load rounds follow each other at a
//! constant interval that the hub announces.
//!
//! Three rules bound the total time that an item waits at its node and at the hub:
//!
//! * An item that missed its round because its message was late departs in an extra round, once it
//!   has waited for `Windows::round`. The message states how long it has already waited.
//! * After a partition, the items of the other side depart within 300 ms.
//! * Until the hub has measured that messages take equally long, rounds are shorter and are not
//!   announced, so no node holds items back. When a cluster starts, messages may be late by as much
//!   as they normally take.
//!
//! [`Windows::round`]: crate::Windows::round

use std::time::Duration;

use tokio::time::Instant;

use crate::log::Item;
use crate::star::Star;

/// The earliest time after a hub's start at which a round departs. It collects the first items of
/// a cluster that starts under load, which would otherwise cost a round of their own.
const FIRST_ROUND_AFTER: Duration = Duration::from_millis(300);

/// The greatest interval of rounds while the network is not measured. An item that takes 200 ms
/// instead of 100 ms for each of two hops is then delivered within 590 ms.
const STARTUP_INTERVAL: Duration = Duration::from_millis(190);

/// The number of rounds after which a hub no longer waits for the network to become steady. They
/// take about 1.3 s; where latency is random, all rounds would be short without this limit.
const STARTUP_ROUNDS: u32 = 6;

/// The time before the next round on schedule within which an overdue item gets no extra round.
const OVERDUE_TOLERANCE: Duration = Duration::from_millis(30);

/// The time for which an overdue item waits for others, since late messages often arrive together.
const OVERDUE_DELAY: Duration = Duration::from_millis(5);

/// The jitter from which on late messages get no extra rounds.
const MAX_JITTER: Duration = Duration::from_millis(100);

/// The longest time that items wait for a round after a partition. When it heals, nodes reconnect
/// one after the other, so a shorter time would cost many rounds.
const RECONNECT_DELAY: Duration = Duration::from_millis(300);

impl<T: Item> Star<T> {
    /// Returns the earliest time at which the next round may depart.
    pub(crate) fn round_possible_at(&self) -> Instant {
        let regular = self.regular_round_at();
        let overdue = self.down.overdue_at;
        overdue
            .filter(|&at| at + OVERDUE_TOLERANCE < regular)
            .unwrap_or(regular)
    }

    /// Returns the earliest time of the next round on schedule.
    fn regular_round_at(&self) -> Instant {
        match self.down.last_round {
            Some(last) => last + self.interval(),
            None if self.windows.direct.is_some() => self.start,
            None => self.start + FIRST_ROUND_AFTER.min(self.windows.round),
        }
    }

    /// Returns the time of the next round if nodes may rely on it.
    pub(crate) fn announced_round(&self) -> Option<Instant> {
        let last = self.down.last_round.filter(|_| !self.is_starting());
        last.map(|last| last + self.windows.round)
    }

    /// Records that items arrived that had waited before. Where latency is random, many messages miss
    /// their rounds, and extra rounds for all of them would cost too many messages.
    pub(crate) fn note_waited(&mut self, waited: Duration, now: Instant) {
        if !waited.is_zero() && self.rtt.jitter() < MAX_JITTER {
            self.note_overdue(waited, now);
        }
    }

    fn note_overdue(&mut self, waited: Duration, now: Instant) {
        if self.windows.direct.is_some() {
            return;
        }
        let left = self.windows.round.saturating_sub(waited);
        let at = now + left.max(OVERDUE_DELAY);
        self.down.overdue_at = Some(self.down.overdue_at.map_or(at, |other| other.min(at)));
    }

    /// Records that items arrived over a link that has just been restored. The hub treats them as if
    /// they had waited so long that only [`RECONNECT_DELAY`] is left.
    pub(crate) fn note_reconnect(&mut self, now: Instant) {
        self.note_overdue(self.waited_before_reconnect(), now);
    }

    /// Returns the waiting time that the hub assumes for items from a restored link.
    pub(crate) fn waited_before_reconnect(&self) -> Duration {
        self.windows.round.saturating_sub(RECONNECT_DELAY)
    }

    /// Records that a round departs. A round for overdue items does not change the schedule that the
    /// other nodes follow.
    pub(crate) fn note_round(&mut self, now: Instant) {
        self.down.overdue_at = None;
        if now >= self.regular_round_at() {
            self.down.last_round = Some(now);
            self.down.round_count += 1;
        }
    }

    fn interval(&self) -> Duration {
        if self.is_starting() {
            self.windows.round.min(STARTUP_INTERVAL)
        } else {
            self.windows.round
        }
    }

    /// Returns whether the network is not known to be steady, and may yet become so.
    fn is_starting(&self) -> bool {
        let rounds_left = self.down.round_count < STARTUP_ROUNDS;
        self.windows.direct.is_none() && rounds_left && !self.rtt.is_steady()
    }
}
