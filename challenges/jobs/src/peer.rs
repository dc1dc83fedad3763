//! What a node knows of another: its load by its latest report, and its answers so far.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::health::Health;
use crate::message::{Capacity, Mode, Report};
use crate::policy::Candidate;

/// The half-life of counts and of peaks of response times.
const HALF_LIFE: Duration = Duration::from_secs(1);

/// A question is unanswered after the mean round trip and four mean deviations (as TCP has it), and
/// this long at least: a process on a busy machine may get no time for a while.
const REPLY_TIMEOUT_MIN: Duration = Duration::from_millis(250);

/// The round trip before the first measurement.
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(100);

/// A count that forgets.
#[derive(Debug, Default)]
pub struct Recent {
    count: f64,
    at: Option<Instant>,
}

impl Recent {
    /// Returns the count; an event counts one half after a second.
    pub fn count(&self, now: Instant) -> f64 {
        let age = self.at.map_or(Duration::ZERO, |at| now - at);
        self.count * decay(age)
    }

    /// Counts an event.
    pub fn add(&mut self, now: Instant) {
        self.count = self.count(now) + 1.0;
        self.at = Some(now);
    }
}

fn decay(age: Duration) -> f64 {
    0.5_f64.powf(age.as_secs_f64() / HALF_LIFE.as_secs_f64())
}

/// The time that a question and its answer take on the network.
#[derive(Debug, Default)]
struct RoundTrip {
    mean: Option<Duration>,
    deviation: Duration,
    least: Option<Duration>,
}

impl RoundTrip {
    fn measured(&mut self, sample: Duration) {
        let mean = self.mean.unwrap_or(sample);
        self.deviation = (self.deviation * 3 + mean.abs_diff(sample)) / 4;
        self.mean = Some((mean * 7 + sample) / 8);
        // The least one is forgotten slowly, by 1 % with every measurement.
        let least = self.least.map_or(sample, |least| least.mul_f64(1.01));
        self.least = Some(least.min(sample));
    }
}

/// Another node.
#[derive(Debug, Default)]
pub struct Peer {
    pub health: Health,
    /// Jobs that were sent there and not answered.
    pub outstanding: usize,
    /// Jobs that it has chosen this node for, of late.
    pub received: Recent,
    incarnation: Option<u64>,
    capacity: Option<Capacity>,
    free_at: Vec<Instant>,
    jobs: usize,
    seen: u64,
    /// The number of the last job that was sent there.
    sent: u64,
    /// Jobs on the way there: their numbers, and when each is expected to end.
    flights: VecDeque<(u64, Instant)>,
    trip: RoundTrip,
    response: Duration,
    response_at: Option<Instant>,
}

impl Peer {
    /// Whether the node has reported its capacity.
    pub fn is_known(&self) -> bool {
        self.capacity.is_some()
    }

    /// Half of the shortest recent round trip.
    pub fn one_way(&self) -> Duration {
        self.trip.least.unwrap_or_default() / 2
    }

    /// The time after which a question is unanswered.
    pub fn reply_timeout(&self) -> Duration {
        let mean = self.trip.mean.unwrap_or(FIRST_ROUND_TRIP);
        REPLY_TIMEOUT_MIN.max(mean + self.trip.deviation * 4)
    }

    /// Takes a report, unless it is older than the latest one.
    pub fn learn(&mut self, report: &Report, now: Instant) {
        self.health.heard();
        if self.incarnation != Some(report.incarnation) {
            self.incarnation = Some(report.incarnation);
            self.seen = 0;
            // The old incarnation held them; this one may be sent further jobs at once.
            self.flights.clear();
        } else if report.seen < self.seen {
            return;
        }
        self.seen = report.seen;
        self.capacity = report.capacity;
        self.jobs = report.jobs;
        let sent_at = now.checked_sub(self.one_way()).unwrap_or(now);
        let free_in = report.free_in_us.iter();
        self.free_at = free_in
            .map(|&us| sent_at + Duration::from_micros(us))
            .collect();
        self.flights.retain(|&(number, _)| number > report.seen);
    }

    /// The worker as policies see it; none if its capacity is unknown.
    pub fn candidate(&self, position: usize, now: Instant) -> Option<Candidate> {
        let mut candidate = Candidate {
            position,
            capacity: self.capacity?,
            free_at: self.free_at.clone(),
            outstanding: self.outstanding,
            jobs: self.jobs + self.flights.len(),
            response: self.response_now(now),
            one_way: self.one_way(),
        };
        for &(_, end) in &self.flights {
            candidate.occupy(end);
        }
        Some(candidate)
    }

    /// Records that a job is sent. Returns its number. One that may run anywhere occupies no slot
    /// there.
    pub fn send(&mut self, units: u64, mode: Mode, now: Instant) -> u64 {
        self.sent += 1;
        self.outstanding += 1;
        // The position does not matter here.
        if mode != Mode::Anywhere
            && let Some(worker) = self.candidate(0, now)
        {
            let end = worker.start(now) + worker.service_time(units);
            self.flights.push_back((self.sent, end));
        }
        self.sent
    }

    /// Records that a job is no longer awaited from there.
    pub fn settled(&mut self, number: u64) {
        self.outstanding -= 1;
        self.flights.retain(|&(flight, _)| flight != number);
    }

    /// Records the answer to a job: the time since it was sent, and the part that the worker had it.
    pub fn answered(&mut self, elapsed: Duration, held: Duration, now: Instant) {
        self.health.answered();
        self.trip.measured(elapsed.saturating_sub(held));
        self.responded(elapsed, now);
    }

    /// Records a round trip.
    pub fn measured(&mut self, round_trip: Duration) {
        self.trip.measured(round_trip);
    }

    /// Records a response time: a peak counts at once, and is forgotten with time.
    pub fn responded(&mut self, elapsed: Duration, now: Instant) {
        self.response = match elapsed > self.response {
            true => elapsed,
            false => {
                let age = self.response_at.map_or(Duration::ZERO, |at| now - at);
                let weight = decay(age);
                self.response.mul_f64(weight) + elapsed.mul_f64(1.0 - weight)
            }
        };
        self.response_at = Some(now);
    }

    /// The peak EWMA of response times at present; a worker that got no jobs is tried again.
    pub fn response_now(&self, now: Instant) -> Duration {
        let age = self.response_at.map_or(Duration::ZERO, |at| now - at);
        self.response.mul_f64(decay(age))
    }
}
