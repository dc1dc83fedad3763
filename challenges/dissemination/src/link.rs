//! What a node knows about one of its peers.

use std::time::Duration;

use tokio::time::Instant;

use crate::rtt::Rtt;
use crate::vector::Vector;

/// One peer, as seen from here.
#[derive(Default)]
pub(crate) struct Link {
    /// What it said it holds.
    pub(crate) has: Vector,
    /// What it holds once everything that is on its way has arrived.
    pub(crate) sent: Vector,
    /// The version of our logs when we last sent it something.
    pub(crate) version: u64,
    /// Whose rounds it takes part in, and when it said so.
    pub(crate) hub: usize,
    pub(crate) hub_told: Option<Instant>,
    pub(crate) rtt: Rtt,
    /// The latest stamp it sent, and when it arrived.
    pub(crate) stamp_heard: Option<(u64, Instant)>,
    pub(crate) stamp_sampled: u64,
    /// The latest stamp we sent.
    pub(crate) stamp_sent: u64,
    /// What we have sent without knowing whether it arrived.
    pub(crate) waiting: Option<Waiting>,
    /// It waits for a confirmation from us.
    pub(crate) owed: Option<Owed>,
    /// It waits for an answer.
    pub(crate) answer: bool,
    /// It has something that we lack; we ask for it then.
    pub(crate) lacking: Option<Instant>,
    /// When it last showed that it can be reached, both ways.
    pub(crate) proven: Option<Instant>,
    pub(crate) greeted: Option<Instant>,
    /// It did not answer.
    pub(crate) suspected: Option<Suspicion>,
}

/// Messages without a sign of their arrival.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    /// The stamps of the first and the last of them.
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) first_at: Instant,
    pub(crate) last_at: Instant,
    /// When the hub's round should be here that confirms the first of them, if that is known.
    pub(crate) round_at: Option<Instant>,
    /// How many of them wanted an answer at once, and when the last of these was sent.
    pub(crate) asks: u32,
    pub(crate) asked_at: Instant,
}

/// Messages that we have not confirmed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owed {
    pub(crate) first_at: Instant,
    pub(crate) last_at: Instant,
}

/// A peer that does not answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspicion {
    pub(crate) since: Instant,
    /// When it is tried next, if anybody cares.
    pub(crate) probe_at: Instant,
}

impl Link {
    /// A stamp for a message that leaves now. No two messages of a link have the same.
    pub(crate) fn stamp(&mut self, now_ms: u64) -> u64 {
        self.stamp_sent = now_ms.max(self.stamp_sent + 1);
        self.stamp_sent
    }

    /// Remembers that a message waits for a sign of its arrival.
    pub(crate) fn wait(&mut self, stamp: u64, asks: bool, round_at: Option<Instant>, now: Instant) {
        let waiting = self.waiting.get_or_insert(Waiting {
            first: stamp,
            last: stamp,
            first_at: now,
            last_at: now,
            round_at,
            asks: 0,
            asked_at: now,
        });
        (waiting.last, waiting.last_at) = (stamp, now);
        if asks {
            waiting.asks += 1;
            waiting.asked_at = now;
        }
    }

    /// Takes the sign that the message with this stamp has arrived, and all later ones may have.
    pub(crate) fn echo(&mut self, stamp: u64, now: Instant) {
        let Some(waiting) = &mut self.waiting else {
            return;
        };
        if stamp < waiting.first {
            return;
        }
        self.proven = Some(now);
        // It answers something that we have been waiting for, so it can be reached.
        self.suspected = None;
        self.greeted = None;
        if stamp >= waiting.last {
            self.waiting = None;
        } else {
            (waiting.first, waiting.first_at) = (stamp + 1, now);
            (waiting.round_at, waiting.asks) = (None, 0);
        }
    }

    /// Remembers that the peer waits for a confirmation.
    pub(crate) fn owe(&mut self, now: Instant) {
        let owed = self.owed.get_or_insert(Owed {
            first_at: now,
            last_at: now,
        });
        owed.last_at = now;
    }

    /// Whether an answer is awaited.
    pub(crate) fn is_asked(&self) -> bool {
        self.waiting.is_some_and(|waiting| waiting.asks > 0)
    }

    /// When to try a silent peer again: after a twentieth of its silence, within bounds, so that
    /// the end of an outage is noticed soon, compared with its length, and a dead peer costs little.
    pub(crate) fn next_probe(&self, suspicion: Suspicion, now: Instant) -> Instant {
        const SHORTEST: Duration = Duration::from_millis(800);
        const LONGEST: Duration = Duration::from_secs(10);
        let pause = (now - suspicion.since) / 20;
        now + pause.clamp(SHORTEST, LONGEST)
    }
}
