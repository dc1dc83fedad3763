//! When to send so as to arrive just before a round departs.
//!
//! An item that reaches the hub early waits there for the next round. It may as well wait at home,
//! where others may join it in the same message. So a node sends as late as it can: nothing is
//! lost by it, and up to half of the messages to the hub are saved.

use std::time::Duration;

use tokio::time::Instant;

/// Messages arrive this much before the departure, beside the link's jitter.
const MARGIN: Duration = Duration::from_millis(8);

const LATEST: Duration = Duration::from_millis(1);

/// When a hub's rounds depart, as its last round has told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timetable {
    /// When the items of the next round arrive here, if there are any.
    pub(crate) next: Instant,
    /// The time between two rounds.
    pub(crate) round: Duration,
    /// The shortest and the longest recent round-trip time to the hub.
    pub(crate) rtt: (Duration, Duration),
}

impl Timetable {
    /// When to send what there is at `now`.
    pub(crate) fn aim(&self, now: Instant) -> Instant {
        let (shortest, longest) = self.rtt;
        let margin = longest - shortest + MARGIN;
        // Once the round has not come, the hub is idle, and will forward at once.
        let expiry = self.next + margin;
        if now >= expiry || margin > self.round / 4 {
            return now;
        }
        // The next round may just be caught, but not for certain.
        let last_chance = now + shortest + LATEST;
        let lead = shortest + margin;
        if self.round_after(last_chance) < self.round_after(now + lead) {
            return now;
        }
        (self.round_after(now + lead) - lead).min(expiry).max(now)
    }

    /// When the round should arrive that confirms what was sent at `sent`.
    pub(crate) fn confirmed(&self, sent: Instant) -> Instant {
        self.round_after(sent + self.rtt.1 + MARGIN)
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

