//! The round-trip time of a link, measured from the stamps that messages echo anyway.

use std::time::Duration;

/// The timeout and the jitter of a link without samples.
const UNKNOWN_TIMEOUT: Duration = Duration::from_secs(2);
const UNKNOWN_JITTER: Duration = Duration::from_millis(250);

/// The least time by which a reply may exceed the mean before it counts as late.
const MIN_SLACK: Duration = Duration::from_millis(150);

/// The limit of the jitter, unless the mean is longer. A peer that was paused returns a stamp after many
/// seconds, which says nothing of the messages to come.
const MAX_JITTER: Duration = Duration::from_secs(1);

/// The number of recent samples that are kept.
const RECENT_SAMPLES: usize = 8;

/// The numbers of recent samples from which a node predicts arrivals. With more samples it reacts
/// later to a network that has become faster; a single one may be an outlier.
const PREDICTION_SAMPLES: std::ops::RangeInclusive<usize> = 2..=4;

/// The largest difference between the recent samples of a steady network.
const STEADY_SPREAD: Duration = Duration::from_millis(25);

/// The smoothed round-trip time and its deviation, after Jacobson and Karels, "Congestion avoidance
/// and control" (1988), and RFC 6298, and the most recent samples.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rtt {
    /// The mean and the deviation, in milliseconds.
    estimate: Option<(f64, f64)>,
    /// A ring of samples in milliseconds.
    recent: [f64; RECENT_SAMPLES],
    recent_count: usize,
}

/// The shortest and the longest of several round-trip times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) shortest: Duration,
    pub(crate) longest: Duration,
}

impl Range {
    /// Returns the difference between the two.
    pub(crate) fn spread(self) -> Duration {
        self.longest - self.shortest
    }
}

impl Rtt {
    /// Adds a sample, in milliseconds, to the mean.
    pub(crate) fn add_to_mean(&mut self, ms: f64) {
        self.estimate = Some(match self.estimate {
            // One sample says nothing about the deviation. The initial guess is small and is soon
            // corrected in either direction.
            None => (ms, ms / 32.0),
            Some((mean, deviation)) => (
                mean + (ms - mean) / 8.0,
                deviation + ((ms - mean).abs() - deviation) / 4.0,
            ),
        });
    }

    /// Adds a sample, in milliseconds, to the recent ones.
    pub(crate) fn add_to_recent(&mut self, ms: f64) {
        self.recent[self.recent_count % RECENT_SAMPLES] = ms;
        self.recent_count += 1;
    }

    /// Returns the mean, if there is a sample.
    pub(crate) fn mean(&self) -> Option<Duration> {
        self.estimate.map(|(mean, _)| from_ms(mean))
    }

    /// Returns how much a message may be later than the mean in all but rare cases.
    pub(crate) fn jitter(&self) -> Duration {
        self.estimate.map_or(UNKNOWN_JITTER, |(mean, deviation)| {
            from_ms(4.0 * deviation).min(MAX_JITTER.max(from_ms(mean)))
        })
    }

    /// Returns how much a message may be later than the mean before it counts as late.
    pub(crate) fn slack(&self) -> Duration {
        self.jitter().max(MIN_SLACK)
    }

    /// Returns the time after which a reply counts as late.
    pub(crate) fn timeout(&self) -> Duration {
        self.mean()
            .map_or(UNKNOWN_TIMEOUT, |mean| mean + self.slack())
    }

    /// Returns the range of the last few samples; `None` if there are fewer than [`PREDICTION_SAMPLES`].
    pub(crate) fn recent(&self) -> Option<Range> {
        let count = self.recent_count.min(*PREDICTION_SAMPLES.end());
        (count >= *PREDICTION_SAMPLES.start()).then(|| self.range_of_last(count))
    }

    /// Returns whether all recent samples are nearly equal, and there are enough of them.
    pub(crate) fn is_steady(&self) -> bool {
        self.recent_count >= RECENT_SAMPLES
            && self.range_of_last(RECENT_SAMPLES).spread() <= STEADY_SPREAD
    }

    fn range_of_last(&self, count: usize) -> Range {
        let last = (self.recent_count - count..self.recent_count)
            .map(|at| self.recent[at % RECENT_SAMPLES]);
        Range {
            shortest: from_ms(last.clone().fold(f64::INFINITY, f64::min)),
            longest: from_ms(last.fold(0.0, f64::max)),
        }
    }
}

fn from_ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_range_forgets_all_but_four_samples() {
        let mut rtt = Rtt::default();
        rtt.add_to_recent(300.0);
        assert_eq!(rtt.recent(), None, "one sample is too few");
        for ms in [200.0, 201.0, 202.0] {
            rtt.add_to_recent(ms);
        }
        assert_eq!(rtt.recent().map(Range::spread), Some(from_ms(100.0)));
        rtt.add_to_recent(200.0);
        assert_eq!(rtt.recent().map(Range::spread), Some(from_ms(2.0)));
    }

    #[test]
    fn jitter_after_the_pause_of_a_peer_is_limited() {
        let mut rtt = Rtt::default();
        rtt.add_to_mean(64.0);
        rtt.add_to_mean(64.0);
        assert!(rtt.jitter() < from_ms(10.0));
        rtt.add_to_mean(12_000.0);
        let mean = rtt.mean().expect("there are samples");
        assert_eq!(rtt.jitter(), mean.max(MAX_JITTER));
        assert!(rtt.jitter() < Duration::from_secs(2), "{:?}", rtt.jitter());
    }

    #[test]
    fn network_is_steady_after_eight_equal_samples() {
        let mut rtt = Rtt::default();
        rtt.add_to_recent(260.0);
        for _ in 0..7 {
            rtt.add_to_recent(200.0);
            assert!(!rtt.is_steady());
        }
        rtt.add_to_recent(200.0);
        assert!(rtt.is_steady());
    }
}
