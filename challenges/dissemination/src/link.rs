//! A node's state about its peers.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};
use std::time::Duration;

use tokio::time::Instant;

use crate::delta::{Incoming, Outgoing};
use crate::gossip::Head;
use crate::rtt::Rtt;

/// One peer, as seen from this node.
#[derive(Default)]
pub(crate) struct Link {
    /// The incarnation of the peer that sent the latest message.
    pub(crate) incarnation: Option<u32>,
    /// What the peer holds of this node's logs, and this node of the peer's.
    pub(crate) outgoing: Outgoing,
    pub(crate) incoming: Incoming,
    /// The version of this node's logs when the peer was last sent a message.
    pub(crate) stated_version: u64,
    /// The hub that the peer follows, and when it said so.
    pub(crate) hub: Option<usize>,
    pub(crate) hub_heard: Option<Instant>,
    pub(crate) rtt: Rtt,
    /// The latest stamp of the peer, and when it arrived.
    pub(crate) stamp_heard: Option<(u64, Instant)>,
    /// The latest stamp sent to the peer; 0 if there was none.
    pub(crate) stamp_sent: u64,
    /// The latest of these stamps whose round-trip time has been measured.
    stamp_measured: u64,
    /// Messages to the peer that nothing has confirmed yet.
    pub(crate) unconfirmed: Option<Unconfirmed>,
    /// Messages from the peer that this node has not confirmed yet.
    pub(crate) owed: Option<Owed>,
    /// Whether the peer waits for an answer.
    pub(crate) answer_owed: bool,
    /// The time at which to ask the peer for something it has and this node lacks.
    pub(crate) ask_at: Option<Instant>,
    /// The last time the peer confirmed something, so that both directions worked.
    pub(crate) confirmed: Option<Instant>,
    pub(crate) state: State,
}

/// The links to all peers. A link without any state takes no memory, since a node of a large
/// cluster exchanges messages with few of the others.
#[derive(Default)]
pub(crate) struct Links {
    used: BTreeMap<usize, Link>,
    unused: Link,
}

impl Links {
    /// Returns the link to a peer, if it has been used.
    pub(crate) fn get_used_mut(&mut self, peer: usize) -> Option<&mut Link> {
        self.used.get_mut(&peer)
    }

    /// Returns the peers whose links have been used.
    pub(crate) fn used(&self) -> impl Iterator<Item = usize> {
        self.used.keys().copied()
    }
}

impl Index<usize> for Links {
    type Output = Link;

    fn index(&self, peer: usize) -> &Link {
        self.used.get(&peer).unwrap_or(&self.unused)
    }
}

impl IndexMut<usize> for Links {
    fn index_mut(&mut self, peer: usize) -> &mut Link {
        self.used.entry(peer).or_default()
    }
}

/// Whether a peer can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// The peer answers, as far as this node knows.
    #[default]
    Open,
    /// The peer is late. It gets nothing but questions until it answers one.
    Questioned,
    /// The peer left its questions unanswered.
    Suspected(Suspicion),
}

/// A peer that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Suspicion {
    pub(crate) since: Instant,
    /// The earliest time at which the peer is tried again.
    pub(crate) probe_at: Instant,
}

impl Suspicion {
    /// Creates a suspicion that begins now.
    pub(crate) fn new(now: Instant) -> Self {
        let begin = Self {
            since: now,
            probe_at: now,
        };
        begin.probed(now)
    }

    /// Returns the suspicion after a probe without an answer. The next probe follows after a
    /// twentieth of the silence so far, within bounds. So a node notices the end of an outage after
    /// a time in proportion to its length, and a dead peer costs few messages.
    pub(crate) fn probed(self, now: Instant) -> Self {
        const SHORTEST: Duration = Duration::from_millis(800);
        const LONGEST: Duration = Duration::from_secs(10);
        let pause = (now - self.since) / 20;
        Self {
            probe_at: now + pause.clamp(SHORTEST, LONGEST),
            ..self
        }
    }
}

/// Messages without a confirmation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unconfirmed {
    /// The stamps of the first and the last of them.
    first: u64,
    last: u64,
    pub(crate) first_at: Instant,
    pub(crate) last_at: Instant,
    /// The time at which the hub's round should arrive that confirms the first, if known.
    pub(crate) round_at: Option<Instant>,
    /// The number of questions among them, and when the last of these was sent.
    pub(crate) questions: u32,
    pub(crate) asked_at: Instant,
}

/// Messages that this node has to confirm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owed {
    pub(crate) first_at: Instant,
    pub(crate) last_at: Instant,
}

impl Link {
    /// Returns the suspicion that the peer is under, if any.
    pub(crate) fn suspicion(&self) -> Option<Suspicion> {
        match self.state {
            State::Suspected(suspicion) => Some(suspicion),
            State::Open | State::Questioned => None,
        }
    }

    /// Returns whether the peer is suspected.
    pub(crate) fn is_suspected(&self) -> bool {
        self.suspicion().is_some()
    }

    /// Returns whether a question to the peer is open.
    pub(crate) fn is_asked(&self) -> bool {
        self.unconfirmed.is_some_and(|it| it.questions > 0)
    }

    /// Records who sent a message, and when. Returns false if a later message of the same
    /// incarnation has arrived before, so that the state that this one describes is outdated.
    pub(crate) fn take_stamp(&mut self, head: &Head, now: Instant) -> bool {
        let before = self.incarnation.replace(head.incarnation);
        if before.is_some_and(|before| before != head.incarnation) {
            self.outgoing = Outgoing::of_restarted_peer();
            self.incoming = Incoming::default();
        } else if self.stamp_heard.is_some_and(|(at, _)| at > head.at) {
            return false;
        }
        self.stamp_heard = Some((head.at, now));
        true
    }

    /// Returns a stamp for a message that is sent now. All stamps of a link differ.
    pub(crate) fn next_stamp(&mut self, now_ms: u64) -> u64 {
        self.stamp_sent = now_ms.max(self.stamp_sent + 1);
        self.stamp_sent
    }

    /// Returns the round-trip time in milliseconds of the message with this stamp, which the peer
    /// echoed after `held_ms`; `None` if this or a later stamp has been measured, since an echo is
    /// repeated until a newer message arrives.
    pub(crate) fn measure(&mut self, stamp: u64, held_ms: u64, now_ms: u64) -> Option<f64> {
        if stamp <= self.stamp_measured || stamp > self.stamp_sent {
            return None;
        }
        let rtt_ms = now_ms.checked_sub(stamp.checked_add(held_ms)?)?;
        self.stamp_measured = stamp;
        Some(rtt_ms as f64)
    }

    /// Records that a message with this stamp needs a confirmation.
    pub(crate) fn expect_confirmation(
        &mut self,
        stamp: u64,
        question: bool,
        round_at: Option<Instant>,
        now: Instant,
    ) {
        let unconfirmed = self.unconfirmed.get_or_insert(Unconfirmed {
            first: stamp,
            last: stamp,
            first_at: now,
            last_at: now,
            round_at,
            questions: 0,
            asked_at: now,
        });
        (unconfirmed.last, unconfirmed.last_at) = (stamp, now);
        if question {
            unconfirmed.questions += 1;
            unconfirmed.asked_at = now;
        }
    }

    /// Handles the confirmation that the message with this stamp has arrived.
    pub(crate) fn confirm(&mut self, stamp: u64, now: Instant) {
        let Some(unconfirmed) = &mut self.unconfirmed else {
            return;
        };
        // A stamp that this node never sent is from its previous incarnation.
        if stamp < unconfirmed.first || stamp > self.stamp_sent {
            return;
        }
        self.confirmed = Some(now);
        self.state = State::Open;
        if stamp >= unconfirmed.last {
            self.unconfirmed = None;
        } else {
            (unconfirmed.first, unconfirmed.first_at) = (stamp + 1, now);
            (unconfirmed.round_at, unconfirmed.questions) = (None, 0);
        }
    }

    /// Records that the peer waits for a confirmation.
    pub(crate) fn owe_confirmation(&mut self, now: Instant) {
        let owed = self.owed.get_or_insert(Owed {
            first_at: now,
            last_at: now,
        });
        owed.last_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(incarnation: u32, at: u64) -> Head {
        Head {
            incarnation,
            at,
            ..Head::default()
        }
    }

    #[test]
    fn message_overtaken_by_a_later_one_is_outdated() {
        let (mut link, now) = (Link::default(), Instant::now());
        assert!(link.take_stamp(&head(1, 20), now));
        assert!(!link.take_stamp(&head(1, 10), now));
        assert_eq!(link.stamp_heard, Some((20, now)));
    }

    #[test]
    fn restarted_peer_may_reuse_smaller_stamps() {
        let (mut link, now) = (Link::default(), Instant::now());
        let origin = crate::Origin {
            node: 1,
            incarnation: 1,
        };
        assert!(link.take_stamp(&head(1, 20), now));
        link.outgoing.has.raise(origin, 7);
        assert!(link.take_stamp(&head(2, 3), now));
        assert!(
            link.outgoing.has.is_empty(),
            "a restarted peer holds nothing"
        );
    }

    #[test]
    fn repeated_echo_is_measured_once() {
        let mut link = Link::default();
        let stamp = link.next_stamp(100);
        assert_eq!(link.measure(stamp, 50, 350), Some(200.0));
        assert_eq!(link.measure(stamp, 450, 850), None);
    }
}
