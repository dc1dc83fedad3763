//! The timetable of a hub, and when to send in order to arrive just before a round departs.
//!
//! An item that reaches the hub early waits there for the next round. It may as well wait at its
//! own node, where other items can join it in the same message. So a node sends as late as it can.
//! This delays nothing and saves up to half of the messages to the hub.

use std::time::Duration;

use tokio::time::Instant;

use crate::rtt::Range;

/// The time by which messages arrive before the departure, in addition to the spread of the
/// link's round-trip times. Real processes are a few milliseconds late; each millisecond costs an
/// extra message now and then, see [`Timetable::send_at`].
const MARGIN: Duration = Duration::from_millis(8);

/// The shortest time before a departure at which a message may still aim for it. A message that
/// would arrive later waits for the next round.
const MIN_LEAD: Duration = Duration::from_millis(1);

/// Up to this interval of rounds, a message that misses the margin waits for the next round. That
/// delays an item only a little, while sending it at once would cost several messages per round
/// under load.
const MAX_SHORT_INTERVAL: Duration = Duration::from_millis(100);

/// The times of a hub's rounds, as its last round announced them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timetable {
    /// The time at which the items of the next round arrive at this node, if there are any.
    pub(crate) next: Instant,
    /// The time between two rounds.
    pub(crate) interval: Duration,
    /// The recent round-trip times to the hub.
    pub(crate) rtt: Range,
    /// The time before a round at which the hub sends items to other hubs.
    pub(crate) lead: Duration,
}

/// Returns the time by which a message should arrive before it is needed.
fn margin(rtt: Range) -> Duration {
    rtt.spread() + MARGIN
}

/// Returns the time after a round of hubs at which all of its messages have arrived.
pub(crate) fn arrival_after(rtt: Range) -> Duration {
    rtt.longest / 2 + margin(rtt)
}

impl Timetable {
    /// Returns the time at which to send the items that wait at `now`: as late as is safe for the
    /// next round. Items that come after that time, but may still catch the round, are sent at
    /// once, unless rounds are short. At worst, that costs one message.
    pub(crate) fn send_at(&self, now: Instant) -> Instant {
        let (margin, expiry) = (margin(self.rtt), self.expiry());
        if now >= expiry || !self.is_reliable() {
            return now;
        }
        let shortest = self.rtt.shortest + self.lead;
        let lead = shortest + margin;
        let safe = self.round_after(now + lead);
        let may_catch_earlier = self.round_after(now + shortest + MIN_LEAD) < safe;
        if may_catch_earlier && self.interval > MAX_SHORT_INTERVAL {
            return now;
        }
        (safe - lead).min(expiry).max(now)
    }

    /// Returns the time at which the hub is known to be idle, if the announced round has not arrived.
    /// It then forwards items at once.
    pub(crate) fn expiry(&self) -> Instant {
        self.next + margin(self.rtt)
    }

    /// Returns whether messages take equally long, so that their arrival can be predicted.
    pub(crate) fn is_reliable(&self) -> bool {
        margin(self.rtt) <= self.interval / 4
    }

    /// Returns the time at which the next round should depart from the hub.
    pub(crate) fn departure(&self) -> Instant {
        self.next - self.rtt.longest / 2
    }

    /// Returns the time at which the round should arrive that confirms what is sent at `sent`.
    pub(crate) fn confirmed_at(&self, sent: Instant) -> Instant {
        self.round_after(sent + self.rtt.longest + MARGIN)
    }

    /// Returns the arrival of the first round that arrives no earlier than `earliest`.
    fn round_after(&self, earliest: Instant) -> Instant {
        let mut at = self.next;
        while at < earliest {
            at += self.interval;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// A round arrives in 400 ms; the hub is 100 ms away, so the round departs in 300 ms.
    fn timetable(now: Instant, spread: Duration) -> Timetable {
        Timetable {
            next: now + ms(400),
            interval: ms(400),
            rtt: Range {
                shortest: ms(200),
                longest: ms(200) + spread,
            },
            lead: ms(0),
        }
    }

    #[test]
    fn message_is_sent_to_arrive_just_before_the_departure() {
        let now = Instant::now();
        let steady = timetable(now, ms(0));
        assert_eq!(steady.send_at(now), now + ms(192));
        assert_eq!(steady.send_at(now + ms(192)), now + ms(192));
        let jittery = timetable(now, ms(30));
        assert_eq!(jittery.send_at(now), now + ms(162));
    }

    #[test]
    fn message_arrives_before_the_hub_sends_to_other_hubs() {
        let now = Instant::now();
        let group = Timetable {
            lead: ms(108),
            ..timetable(now, ms(0))
        };
        assert_eq!(group.send_at(now), now + ms(84));
        assert_eq!(group.send_at(now + ms(91)), now + ms(91));
        assert_eq!(group.send_at(now + ms(92)), now + ms(408));
    }

    #[test]
    fn message_that_may_still_catch_the_round_is_sent_at_once() {
        let now = Instant::now();
        let jittery = timetable(now, ms(30));
        for late in [163, 180, 199] {
            assert_eq!(jittery.send_at(now + ms(late)), now + ms(late));
        }
    }

    #[test]
    fn message_after_the_cutoff_of_short_rounds_waits_for_the_next() {
        let now = Instant::now();
        let short = Timetable {
            next: now + ms(50),
            interval: ms(50),
            rtt: Range {
                shortest: ms(0),
                longest: ms(0),
            },
            lead: ms(0),
        };
        assert_eq!(short.send_at(now + ms(42)), now + ms(42));
        assert_eq!(short.send_at(now + ms(43)), now + ms(58));
    }

    #[test]
    fn message_that_missed_the_round_waits_for_the_next() {
        let now = Instant::now();
        // The next round would depart at 700; but if this one does not arrive at 400, the hub is idle.
        let steady = timetable(now, ms(0));
        assert_eq!(steady.send_at(now + ms(200)), now + ms(408));
    }

    #[test]
    fn message_to_an_idle_hub_or_over_an_erratic_link_is_sent_at_once() {
        let now = Instant::now();
        let later = now + ms(408);
        assert_eq!(timetable(now, ms(0)).send_at(later), later);
        assert_eq!(timetable(now, ms(100)).send_at(now), now);
    }

    #[test]
    fn confirmation_is_expected_with_the_first_round_certain_to_carry_it() {
        let now = Instant::now();
        let jittery = timetable(now, ms(30));
        assert_eq!(jittery.confirmed_at(now + ms(162)), now + ms(400));
        assert_eq!(jittery.confirmed_at(now + ms(163)), now + ms(800));
    }
}
