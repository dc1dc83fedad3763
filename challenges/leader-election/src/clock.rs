//! The monotonic clock of a node, at a rate that may be wrong.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A monotonic clock. Its rate is 1 unless a test makes it run fast or slow: the lease strategy
/// depends on rates that differ by at most 1 %, and tests check that limit with other rates.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    rate: f64,
}

impl Clock {
    /// Starts a clock at 0 that counts `rate` seconds per second.
    pub fn at_rate(rate: f64) -> Self {
        Self {
            start: Instant::now(),
            rate,
        }
    }

    /// Returns the time since the clock started, as this clock measures it.
    pub fn now(&self) -> Duration {
        self.start.elapsed().mul_f64(self.rate)
    }

    /// Sleeps until the clock shows `until`, or for an hour if that is sooner.
    pub async fn sleep_until(&self, until: Duration) {
        let until = until.min(self.now() + Duration::from_secs(3600));
        // Rounded up, so that the clock shows `until` at least when the sleep ends.
        let real = until.div_f64(self.rate) + Duration::from_micros(1);
        sleep_until(self.start + real).await;
    }
}
