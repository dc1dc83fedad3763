//! What a broker knows of its connection to another: what is owed over it and by when, and whether
//! there is anybody at the other end.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::patience::Patience;

/// How long news may wait for company that nobody waits for: the lag of a poll elsewhere.
pub const LAZY: Duration = Duration::from_millis(100);

/// A link that has asked nothing for so long asks whether the other side is there.
const HEARTBEAT: Duration = Duration::from_millis(400);

/// Without an answer for so long, and two round trips more, nothing is begun that needs this link.
const DOUBT: Duration = Duration::from_millis(300);

/// Without an answer for so long, and two round trips more, the other side is taken for dead.
pub const DEAD: Duration = Duration::from_secs(1);

/// So many unanswered messages are remembered.
const UNHEARD_MAX: usize = 64;

/// One broker's side of its connection to another.
#[derive(Debug)]
pub struct Link {
    /// The other side's life, 0 until it has said something.
    pub life: u64,
    /// The highest number heard from it.
    pub heard: u64,
    /// Committed offsets it may not know, each with the number of the message that told it first.
    pub offsets: BTreeMap<Rc<str>, Option<u64>>,
    /// It believes in a leadership that is out of date, for these shards.
    pub misled: Vec<usize>,
    /// How long acknowledgements of those offsets are waited for.
    pub patience: Patience,
    latest: u64,
    /// Numbered messages that were not heard, as far as known, and when they were sent.
    unheard: VecDeque<(u64, Instant)>,
    /// When something of ours was last heard, or the link began.
    answered_at: Instant,
    /// When the other side's present life was first heard of, or the link began.
    begun_at: Instant,
    round_trip: Duration,
    /// When a message must go, at the latest.
    send_at: Option<Instant>,
    /// When somebody here needs an answer.
    answer_at: Option<Instant>,
    asked_at: Option<Instant>,
    probe_at: Instant,
    owes_answer: bool,
}

impl Link {
    /// A link that says hello at once.
    pub fn new(now: Instant) -> Self {
        Self {
            life: 0,
            heard: 0,
            offsets: BTreeMap::new(),
            misled: Vec::new(),
            patience: Patience::default(),
            latest: 0,
            unheard: VecDeque::new(),
            answered_at: now,
            begun_at: now,
            round_trip: Duration::ZERO,
            send_at: Some(now),
            answer_at: None,
            asked_at: None,
            probe_at: now,
            owes_answer: false,
        }
    }

    /// The other side has begun a new life: what it knew of us is gone.
    pub fn restart(&mut self, life: u64, now: Instant) {
        let (latest, round_trip) = (self.latest, self.round_trip);
        *self = Self {
            life,
            latest,
            round_trip,
            ..Self::new(now)
        };
    }

    /// Lets a message go by then at the latest.
    pub fn send_by(&mut self, at: Instant) {
        self.send_at = Some(self.send_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Has a message go by then, and answered by `answer_at`.
    pub fn ask_by(&mut self, send_at: Instant, answer_at: Instant) {
        self.send_by(send_at);
        self.answer_at = Some(self.answer_at.map_or(answer_at, |at| at.min(answer_at)));
    }

    /// Has something answered within `budget`: half of it is for company on the way there, the rest
    /// for company on the way back. If nothing was asked for a while there will be no company, and
    /// waiting for it would be in vain.
    pub fn ask(&mut self, now: Instant, budget: Duration) {
        let busy = self.asked_at.is_some_and(|at| now - at < 4 * budget);
        self.asked_at = Some(now);
        if busy {
            self.ask_by(now + budget / 2, now + budget);
        } else {
            self.ask_by(now, now);
        }
    }

    /// The other side needs an answer within this time.
    pub fn answer_within(&mut self, within: Duration, now: Instant) {
        self.asked_at = Some(now);
        self.send_by(now + within);
    }

    /// Notes that a message arrived.
    pub fn hear(&mut self, number: Option<u64>, heard: u64, now: Instant) {
        if let Some(number) = number {
            self.heard = self.heard.max(number);
            self.owes_answer = true;
            self.send_by(now + LAZY);
        }
        while let Some(&(number, sent_at)) = self.unheard.front()
            && number <= heard
        {
            self.unheard.pop_front();
            self.answered_at = now;
            self.round_trip = (self.round_trip * 7 + (now - sent_at)) / 8;
        }
        let untold = self.offsets.len();
        let told = |number: &Option<u64>| number.is_some_and(|number| number <= heard);
        self.offsets.retain(|_, number| !told(number));
        self.await_offsets(self.offsets.len() < untold, now);
    }

    /// Whether it is time to ask whether the other side is there.
    pub fn wants_probe(&self, now: Instant) -> bool {
        self.probe_at <= now
    }

    /// Whether there is nothing but an acknowledgement to send.
    pub fn owes_answer(&self) -> bool {
        self.owes_answer
    }

    /// The number for a message that wants to be heard of, which leaves now.
    pub fn number(&mut self, now: Instant) -> u64 {
        self.latest += 1;
        self.probe_at = now + HEARTBEAT;
        if self.unheard.len() < UNHEARD_MAX {
            self.unheard.push_back((self.latest, now));
        }
        self.latest
    }

    /// A message leaves: how soon it must be answered, if anybody needs that.
    pub fn depart(&mut self, now: Instant) -> Option<Duration> {
        self.send_at = None;
        self.owes_answer = false;
        let within = self.answer_at.take()?;
        Some(within.saturating_duration_since(now))
    }

    /// There is nothing to send after all.
    pub fn stay(&mut self) {
        (self.send_at, self.answer_at) = (None, None);
    }

    /// Waits for acknowledgements of those offsets that were told.
    pub fn await_offsets(&mut self, progress: bool, now: Instant) {
        let outstanding = self.offsets.values().any(Option::is_some);
        self.patience
            .note(outstanding, progress, self.round_trip, now);
    }

    /// Whether a message must go.
    pub fn is_due(&self, now: Instant) -> bool {
        self.send_at.is_some_and(|at| at <= now)
    }

    /// When this link next needs attention.
    pub fn wake_at(&self) -> Instant {
        let times = [self.send_at, self.patience.ends_at()];
        times
            .into_iter()
            .flatten()
            .fold(self.probe_at, Instant::min)
    }

    /// Whether an answer is overdue.
    pub fn is_doubtful(&self, now: Instant) -> bool {
        let oldest = self.unheard.front();
        oldest.is_some_and(|(_, sent_at)| now - *sent_at > DOUBT + 2 * self.round_trip)
    }

    /// When the other side last proved to have heard something, or the link began.
    pub fn answered_at(&self) -> Instant {
        self.answered_at
    }

    /// Since when the other side is taken for dead, if it is.
    pub fn dead_since(&self, now: Instant) -> Option<Instant> {
        let at = self.answered_at + DEAD + 2 * self.round_trip;
        (at < now).then_some(at)
    }

    /// How long answers take, on average.
    pub fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// When the other side's present life was first heard of.
    pub fn begun_at(&self) -> Instant {
        self.begun_at
    }
}
