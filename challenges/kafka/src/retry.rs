//! Timers for sending again what was not acknowledged.

use std::time::Duration;

use tokio::time::Instant;

/// Delay of the first retry, longer than an acknowledgement may wait for a batch to join.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(250);

/// Longest delay between two retries, in excess of round trips.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(1);

/// A retransmission timer with exponential backoff. Each stream of acknowledgements has its own,
/// so that progress on one stream does not postpone the retries of another.
#[derive(Clone, Copy, Debug, Default)]
pub struct RetryTimer {
    fires_at: Option<Instant>,
    failures: u32,
}

impl RetryTimer {
    /// Starts or stops the timer. It runs while anything is unacknowledged (`outstanding`), and an
    /// acknowledgement (`progress`) resets the backoff.
    pub fn update(
        &mut self,
        outstanding: bool,
        progress: bool,
        round_trip: Duration,
        now: Instant,
    ) {
        if progress || !outstanding {
            *self = Self::default();
        }
        if outstanding && self.fires_at.is_none() {
            let doubled = FIRST_RETRY_DELAY * 2_u32.pow(self.failures.min(8));
            self.fires_at = Some(now + doubled.min(MAX_RETRY_DELAY) + 2 * round_trip);
        }
    }

    /// Returns whether the timer has fired; true once each time.
    pub fn take_fired(&mut self, now: Instant) -> bool {
        let fired = self.fires_at.is_some_and(|at| at <= now);
        if fired {
            self.fires_at = None;
            self.failures += 1;
        }
        fired
    }

    /// Returns when the timer fires, if it runs.
    pub fn fires_at(&self) -> Option<Instant> {
        self.fires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timer_backs_off_until_there_is_progress() {
        let (mut timer, mut now) = (RetryTimer::default(), Instant::now());
        let mut delays = Vec::new();
        for _ in 0..4 {
            timer.update(true, false, Duration::ZERO, now);
            let at = timer.fires_at().expect("something is outstanding");
            assert!(!timer.take_fired(now));
            assert!(timer.take_fired(at));
            assert!(!timer.take_fired(at));
            delays.push((at - now).as_millis());
            now = at;
        }
        assert_eq!(delays, [250, 500, 1000, 1000]);
        timer.update(true, true, Duration::ZERO, now);
        assert_eq!(timer.fires_at(), Some(now + FIRST_RETRY_DELAY));
        timer.update(false, true, Duration::ZERO, now);
        assert_eq!(timer.fires_at(), None);
    }
}
