//! How long a message takes there and back, learnt from the traffic that flows anyway.

use std::time::Duration;

/// What is assumed of a link that has not been measured.
const UNKNOWN: Duration = Duration::from_secs(1);

/// An answer may always be this much later than the last one was.
const SLACK_MIN: Duration = Duration::from_millis(150);

/// The smoothed round-trip time of a link and its deviation, after Jacobson and Karels,
/// "Congestion avoidance and control" (1988), and RFC 6298.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rtt {
    estimate: Option<(f64, f64)>,
}

impl Rtt {
    /// Takes a measurement, in milliseconds.
    pub(crate) fn sample(&mut self, ms: f64) {
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

    /// The mean, if known.
    pub(crate) fn mean(&self) -> Option<Duration> {
        self.estimate.map(|(mean, _)| of_ms(mean))
    }

    /// By how much a message may be later than the mean, in all but rare cases.
    pub(crate) fn jitter(&self) -> Duration {
        self.estimate
            .map_or(UNKNOWN / 4, |(_, deviation)| of_ms(4.0 * deviation))
    }

    /// By how much a message may be later than the mean without giving rise to doubt.
    pub(crate) fn slack(&self) -> Duration {
        self.jitter().max(SLACK_MIN)
    }

    /// After this time an answer is late.
    pub(crate) fn timeout(&self) -> Duration {
        self.mean().map_or(UNKNOWN, |mean| mean + self.slack())
    }
}

fn of_ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1000.0)
}
