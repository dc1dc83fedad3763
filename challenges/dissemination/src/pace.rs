//! When a hub's rounds depart.
//!
//! A round departs as soon as there is something to send, but not within [`Windows::round`] of the
//! one before. So a single item is not delayed at all, and under load rounds follow each other at a
//! constant interval that the hub announces.
//!
//! A hub of a large cluster has two kinds of rounds: those to the hubs of other groups, and those to its
//! own group. All hubs send the former at the same time, which the root announces, and the latter as
//! soon as the former have arrived. So an item waits once, and crosses three links.
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
use crate::star::{Level, Star};
use crate::timetable::arrival_after;

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
    pub(crate) fn round_possible_at(&self, level: Level) -> Instant {
        let regular = self.regular_round_at(level);
        let overdue = self.rounds(level).overdue_at;
        overdue
            .filter(|&at| at + OVERDUE_TOLERANCE < regular)
            .unwrap_or(regular)
    }

    /// Returns the earliest time of the next round on schedule.
    fn regular_round_at(&self, level: Level) -> Instant {
        match self.rounds(level).last_round {
            Some(last) => self
                .common_round_at(level, last)
                .unwrap_or_else(|| last + self.interval(level)),
            None if self.windows.direct.is_some() => self.start,
            None => self.start + FIRST_ROUND_AFTER.min(self.windows.round),
        }
    }

    /// Returns the time of the next round on the schedule that all hubs follow, if there is one.
    fn common_round_at(&self, level: Level, last: Instant) -> Option<Instant> {
        let lead = self.lead().filter(|_| !self.is_starting(level))?;
        let anchor = match (level, self.hub == self.me) {
            (Level::Hubs, true) => return None,
            (Level::Group, true) => self.across.last_round? + lead,
            (Level::Hubs, false) => self.up.timetable?.departure(),
            (Level::Group, false) => self.up.timetable?.departure() + lead,
        };
        let earliest = last + self.shortest_interval();
        Some(first_from(anchor, self.windows.round, earliest))
    }

    /// Returns the shortest time between two rounds, if the schedule has shifted in between.
    fn shortest_interval(&self) -> Duration {
        self.windows.round / 4
    }

    /// Returns the time of this hub's next round to other hubs. While other hubs keep to the common
    /// schedule, sending between two of its times would not deliver anything earlier.
    pub(crate) fn next_exchange_at(&self, now: Instant) -> Instant {
        let is_current = self.up.timetable.is_some_and(|it| now < it.expiry());
        let overdue = self.across.overdue_at.is_some();
        let last = self.across.last_round.filter(|_| is_current && !overdue);
        let earliest = last.map(|last| last.max(now - self.shortest_interval()));
        earliest
            .and_then(|earliest| self.common_round_at(Level::Hubs, earliest))
            .unwrap_or_else(|| self.round_possible_at(Level::Hubs).max(now))
    }

    /// Returns the time by which a round to other hubs precedes one to this node's group, if all hubs
    /// send their rounds at the same times.
    pub(crate) fn lead(&self) -> Option<Duration> {
        if !self.groups.are_many() {
            return None;
        }
        if self.is_group_hub() {
            let timetable = self.up.timetable.filter(|it| it.is_reliable())?;
            return Some(arrival_after(timetable.rtt));
        }
        let rtt = self.rtt.recent().filter(|_| self.hub == self.me)?;
        Some(arrival_after(rtt))
    }

    /// Returns the time of the next round if nodes may rely on it.
    pub(crate) fn announced_round(&self, level: Level) -> Option<Instant> {
        let last = self.rounds(level).last_round;
        let last = last.filter(|_| !self.is_starting(level))?;
        let common = self.common_round_at(level, last);
        Some(common.unwrap_or(last + self.windows.round))
    }

    /// Records that items arrived that had waited before. Where latency is random, many messages miss
    /// their rounds, and extra rounds for all of them would cost too many messages; and so would extra
    /// rounds of all hubs.
    pub(crate) fn note_waited(&mut self, waited: Duration, now: Instant) {
        let is_rare = self.rtt.jitter() < MAX_JITTER && !self.groups.are_many();
        if !waited.is_zero() && is_rare {
            self.note_overdue(waited, now);
        }
    }

    fn note_overdue(&mut self, waited: Duration, now: Instant) {
        if self.windows.direct.is_some() {
            return;
        }
        let left = self.windows.round.saturating_sub(waited);
        let at = now + left.max(OVERDUE_DELAY);
        for rounds in [&mut self.down, &mut self.across] {
            rounds.overdue_at = Some(rounds.overdue_at.map_or(at, |other| other.min(at)));
        }
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
    pub(crate) fn note_round(&mut self, level: Level, now: Instant) {
        let is_regular = now >= self.regular_round_at(level);
        let rounds = self.rounds_mut(level);
        rounds.overdue_at = None;
        if is_regular {
            rounds.last_round = Some(now);
            rounds.round_count += 1;
        }
    }

    fn interval(&self, level: Level) -> Duration {
        if self.is_starting(level) {
            self.windows.round.min(STARTUP_INTERVAL)
        } else {
            self.windows.round
        }
    }

    /// Returns whether the network is not known to be steady, and may yet become so.
    fn is_starting(&self, level: Level) -> bool {
        let count = self.rounds(level).round_count;
        let (rounds_left, is_ready) = if self.is_group_hub() {
            // Until it knows the schedule of the root, items wait at their own hub and at another one.
            let is_ready = self.up.timetable.is_some() && self.rtt.is_steady();
            (count < 2 * STARTUP_ROUNDS, is_ready)
        } else {
            (count < STARTUP_ROUNDS, self.rtt.is_steady())
        };
        self.windows.direct.is_none() && rounds_left && !is_ready
    }
}

/// Returns the first time on a schedule that is not before `earliest`. The schedule contains `anchor`
/// and reaches into the past.
fn first_from(anchor: Instant, interval: Duration, earliest: Instant) -> Instant {
    let interval_ns = interval.as_nanos().max(1);
    let times = |count: u128| interval * u32::try_from(count).unwrap_or(u32::MAX);
    if anchor >= earliest {
        anchor - times((anchor - earliest).as_nanos() / interval_ns)
    } else {
        anchor + times((earliest - anchor).as_nanos().div_ceil(interval_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_reaches_into_the_past_and_the_future() {
        let ms = Duration::from_millis;
        let now = Instant::now() + ms(10_000);
        let first_from =
            |anchor, earliest| first_from(now + ms(anchor), ms(100), now + ms(earliest));
        for anchor in [130, 530, 830] {
            assert_eq!(first_from(anchor, 430), now + ms(430));
            assert_eq!(first_from(anchor, 431), now + ms(530));
        }
    }
}
