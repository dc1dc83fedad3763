//! When to send so as to arrive just before a round departs.
//!
//! An item that reaches the hub early waits there for the next round. It may as well wait at home,
//! where others may join it in the same message. So a node sends as late as it can: nothing is
//! lost by it, and up to half of the messages to the hub are saved.

use std::time::Duration;

use tokio::time::Instant;

/// Messages arrive this much before the departure, beside the link's jitter.
const MARGIN: Duration = Duration::from_millis(10);

/// When a hub's rounds depart, as its last round has told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timetable {
    /// When the items of the next round arrive here, if there are any.
    pub(crate) next: Instant,
    /// The time between two rounds.
    pub(crate) round: Duration,
    /// The round-trip time to the hub.
    pub(crate) rtt: Duration,
    pub(crate) jitter: Duration,
}

impl Timetable {
    /// When to send what there is at `now`.
    pub(crate) fn aim(&self, now: Instant) -> Instant {
        let margin = self.jitter + MARGIN;
        // Once the round has not come, the hub is idle, and will forward at once.
        let expiry = self.next + margin;
        if now >= expiry || margin > self.round / 2 {
            return now;
        }
        let lead = self.rtt + margin;
        (self.round_after(now + lead) - lead).min(expiry).max(now)
    }

    /// When the round should arrive that confirms what was sent at `sent`.
    pub(crate) fn confirmed(&self, sent: Instant) -> Instant {
        self.round_after(sent + self.rtt)
    }

    /// When the first round arrives that does so no earlier than `earliest`.
    fn round_after(&self, earliest: Instant) -> Instant {
        let mut at = self.next;
        while at < earliest {
            at += self.round;
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

    /// A round arrives in 400 ms; the hub is 100 ms away.
    fn timetable(now: Instant, jitter: Duration) -> Timetable {
        Timetable {
            next: now + ms(400),
            round: ms(400),
            rtt: ms(200),
            jitter,
        }
    }

    #[test]
    fn a_message_arrives_just_before_the_round_departs() {
        let now = Instant::now();
        let steady = timetable(now, ms(0));
        // The round leaves at 300, the message takes 100.
        assert_eq!(steady.aim(now), now + ms(190));
        assert_eq!(steady.aim(now + ms(190)), now + ms(190));
        assert_eq!(timetable(now, ms(30)).aim(now), now + ms(160), "jitter");
    }

    #[test]
    fn whoever_is_late_waits_to_hear_of_the_round_after() {
        let now = Instant::now();
        assert_eq!(timetable(now, ms(0)).aim(now + ms(191)), now + ms(410));
    }

    #[test]
    fn nobody_waits_for_an_idle_hub_or_aims_in_an_erratic_network() {
        let now = Instant::now();
        let later = now + ms(410);
        assert_eq!(timetable(now, ms(0)).aim(later), later);
        assert_eq!(timetable(now, ms(200)).aim(now), now);
    }
}
