//! A broker's connection to another broker. It decides when to send, knows what is unacknowledged,
//! and detects that the other side no longer answers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::retry::RetryTimer;

/// How long data that no client waits for may wait for a batch to join. It bounds the lag of polls
/// on other nodes.
pub const BACKGROUND_SEND_DELAY: Duration = Duration::from_millis(100);

/// Interval after which an idle link asks for an acknowledgement.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(400);

/// Time without an acknowledgement, in excess of two round trips, after which requests that need
/// this link are held back.
const SUSPECT_AFTER: Duration = Duration::from_millis(300);

/// Time without an acknowledgement, in excess of two round trips, after which the other side is
/// considered dead.
pub const DEAD_AFTER: Duration = Duration::from_secs(1);

/// Number of unacknowledged messages whose times are kept.
const MAX_UNACKED_MESSAGES: usize = 64;

/// One side of a connection.
#[derive(Debug)]
pub struct Link {
    /// The other side's incarnation, or 0 before its first message.
    pub incarnation: u64,
    /// The highest message number received.
    pub received: u64,
    /// Committed offsets that the other side may not know, each with the number of the first
    /// message that carried it. All later messages carry it too, until it is acknowledged.
    pub offsets: BTreeMap<Rc<str>, Option<u64>>,
    /// Retries of those offsets.
    pub offsets_retry: RetryTimer,
    /// Shards for which the other side showed that it knows an older leadership record.
    pub stale_leaderships: BTreeSet<usize>,
    latest_number: u64,
    /// Numbers and times of unacknowledged messages.
    unacked: VecDeque<(u64, Instant)>,
    /// When the last acknowledgement arrived, or the link began.
    acked_at: Instant,
    /// When the other side's present incarnation was first heard from, or the link began.
    began_at: Instant,
    round_trip: Duration,
    /// When the next message leaves at the latest.
    send_at: Option<Instant>,
    /// When a client of this node needs a reply.
    reply_at: Option<Instant>,
    last_request_at: Option<Instant>,
    heartbeat_at: Instant,
    owes_ack: bool,
}

impl Link {
    /// Returns a link that sends its first message at once.
    pub fn new(now: Instant) -> Self {
        Self {
            incarnation: 0,
            received: 0,
            offsets: BTreeMap::new(),
            offsets_retry: RetryTimer::default(),
            stale_leaderships: BTreeSet::new(),
            latest_number: 0,
            unacked: VecDeque::new(),
            acked_at: now,
            began_at: now,
            round_trip: Duration::ZERO,
            send_at: Some(now),
            reply_at: None,
            last_request_at: None,
            heartbeat_at: now,
            owes_ack: false,
        }
    }

    /// Starts over with a new incarnation of the other side, which knows nothing.
    pub fn restart(&mut self, incarnation: u64, now: Instant) {
        let (latest_number, round_trip) = (self.latest_number, self.round_trip);
        *self = Self {
            incarnation,
            latest_number,
            round_trip,
            ..Self::new(now)
        };
    }

    /// Schedules a message for `at` or earlier.
    pub fn send_by(&mut self, at: Instant) {
        self.send_at = Some(self.send_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Schedules a message for `send_at` or earlier, with a reply by `reply_at`.
    pub fn request_by(&mut self, send_at: Instant, reply_at: Instant) {
        self.send_by(send_at);
        self.reply_at = Some(self.reply_at.map_or(reply_at, |at| at.min(reply_at)));
    }

    /// Schedules a message that is answered within `budget`, of which half may be spent waiting for
    /// other requests here, and half at the other side. On a link without recent requests nothing
    /// would join the batch, so the message leaves at once.
    pub fn request_within(&mut self, budget: Duration, now: Instant) {
        let is_busy = self.last_request_at.is_some_and(|at| now - at < 4 * budget);
        self.last_request_at = Some(now);
        if is_busy {
            self.request_by(now + budget / 2, now + budget);
        } else {
            self.request_by(now, now);
        }
    }

    /// Schedules the reply to a request of the other side.
    pub fn reply_within(&mut self, within: Duration, now: Instant) {
        self.last_request_at = Some(now);
        self.send_by(now + within);
    }

    /// Records that a message arrived, with its own number and the number that it acknowledges.
    pub fn on_message(&mut self, number: Option<u64>, acked: u64, now: Instant) {
        if let Some(number) = number {
            self.received = self.received.max(number);
            self.owes_ack = true;
            self.send_by(now + BACKGROUND_SEND_DELAY);
        }
        while let Some(&(number, sent_at)) = self.unacked.front()
            && number <= acked
        {
            self.unacked.pop_front();
            self.acked_at = now;
            self.round_trip = (self.round_trip * 7 + (now - sent_at)) / 8;
        }
        let before = self.offsets.len();
        self.offsets
            .retain(|_, carried_by| carried_by.is_none_or(|number| number > acked));
        self.update_offsets_retry(self.offsets.len() < before, now);
    }

    /// Returns whether the link has been idle for so long that it needs a heartbeat.
    pub fn heartbeat_is_due(&self, now: Instant) -> bool {
        self.heartbeat_at <= now
    }

    /// Returns whether a message of the other side is not acknowledged yet.
    pub fn owes_ack(&self) -> bool {
        self.owes_ack
    }

    /// Returns the number for a message that leaves now and wants an acknowledgement.
    pub fn next_number(&mut self, now: Instant) -> u64 {
        self.latest_number += 1;
        self.heartbeat_at = now + HEARTBEAT_INTERVAL;
        if self.unacked.len() < MAX_UNACKED_MESSAGES {
            self.unacked.push_back((self.latest_number, now));
        }
        self.latest_number
    }

    /// Records that a message leaves. Returns the time that the other side has for its reply, if a
    /// client waits for it.
    pub fn on_sent(&mut self, now: Instant) -> Option<Duration> {
        self.send_at = None;
        self.owes_ack = false;
        let reply_at = self.reply_at.take()?;
        Some(reply_at.saturating_duration_since(now))
    }

    /// Cancels the scheduled message, since there is nothing to send.
    pub fn cancel_send(&mut self) {
        (self.send_at, self.reply_at) = (None, None);
    }

    /// Starts or stops the retries of committed offsets that were sent.
    pub fn update_offsets_retry(&mut self, progress: bool, now: Instant) {
        let outstanding = self.offsets.values().any(Option::is_some);
        self.offsets_retry
            .update(outstanding, progress, self.round_trip, now);
    }

    /// Returns whether the scheduled message must leave now.
    pub fn is_due(&self, now: Instant) -> bool {
        self.send_at.is_some_and(|at| at <= now)
    }

    /// Returns when this link next needs attention.
    pub fn wake_at(&self) -> Instant {
        let times = [self.send_at, self.offsets_retry.fires_at()];
        times
            .into_iter()
            .flatten()
            .fold(self.heartbeat_at, Instant::min)
    }

    /// Returns whether an acknowledgement is overdue.
    pub fn is_suspect(&self, now: Instant) -> bool {
        let oldest = self.unacked.front();
        oldest.is_some_and(|(_, sent_at)| now - *sent_at > SUSPECT_AFTER + 2 * self.round_trip)
    }

    /// Returns when the last acknowledgement arrived, or the link began.
    pub fn acked_at(&self) -> Instant {
        self.acked_at
    }

    /// Returns since when the other side has been considered dead, if it is.
    pub fn dead_since(&self, now: Instant) -> Option<Instant> {
        let at = self.acked_at + DEAD_AFTER + 2 * self.round_trip;
        (at < now).then_some(at)
    }

    /// Returns the moving average of the time until an acknowledgement.
    pub fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// Returns when the other side's present incarnation was first heard from.
    pub fn began_at(&self) -> Instant {
        self.began_at
    }
}
