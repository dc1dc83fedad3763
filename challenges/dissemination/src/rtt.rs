//! How long a message takes there and back, learnt from the traffic that flows anyway.

use std::time::Duration;

/// The timeout and the jitter of a network that has not been measured.
const TIMEOUT_UNKNOWN: Duration = Duration::from_secs(2);
const JITTER_UNKNOWN: Duration = Duration::from_millis(250);

/// An answer may always be this much later than the last one was.
const SLACK_MIN: Duration = Duration::from_millis(150);

/// The smoothed round-trip time of a link and its deviation, after Jacobson and Karels,
/// "Congestion avoidance and control" (1988), and RFC 6298.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rtt {
    estimate: Option<(f64, f64)>,
    regular: u32,
    recent: [f64; RECENT],
}

const RECENT: usize = 8;

impl Rtt {
    /// Takes a measurement, in milliseconds.
    pub(crate) fn sample(&mut self, ms: f64, regular: bool) {
        if regular {
            self.recent[self.regular as usize % RECENT] = ms;
            self.regular += 1;
        }
        self.estimate = Some(match self.estimate {
            // A single measurement says nothing about deviation; a little is a start that is
            // soon corrected, in either direction.
            None => (ms, ms / 32.0),
            Some((mean, deviation)) => (
                mean + (ms - mean) / 8.0,
                deviation + ((ms - mean).abs() - deviation) / 4.0,
            ),
        });
    }

    /// The shortest and the longest of the recent samples.
    pub(crate) fn recent(&self) -> Option<(Duration, Duration)> {
        self.last(2, 4)
    }

    pub(crate) fn steady(&self) -> bool {
        self.last(RECENT, RECENT)
            .is_some_and(|(shortest, longest)| longest - shortest <= Duration::from_millis(25))
    }

    fn last(&self, min: usize, max: usize) -> Option<(Duration, Duration)> {
        let count = max.min(self.regular as usize);
        if count < min {
            return None;
        }
        let at = |back: usize| self.recent[(self.regular as usize - 1 - back) % RECENT];
        let samples = || (0..count).map(at);
        let shortest = samples().reduce(f64::min)?;
        let longest = samples().reduce(f64::max)?;
        Some((of_ms(shortest), of_ms(longest)))
    }

    /// The mean, if known.
    pub(crate) fn mean(&self) -> Option<Duration> {
        self.estimate.map(|(mean, _)| of_ms(mean))
    }

    /// By how much a message may be later than the mean, in all but rare cases.
    pub(crate) fn jitter(&self) -> Duration {
        self.estimate
            .map_or(JITTER_UNKNOWN, |(_, deviation)| of_ms(4.0 * deviation))
    }

    /// By how much a message may be later than the mean without giving rise to doubt.
    pub(crate) fn slack(&self) -> Duration {
        self.jitter().max(SLACK_MIN)
    }

    /// After this time an answer is late.
    pub(crate) fn timeout(&self) -> Duration {
        self.mean()
            .map_or(TIMEOUT_UNKNOWN, |mean| mean + self.slack())
    }
}

fn of_ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1000.0)
}
