//! The health of a worker, as the node sees it that sends it jobs.

use std::time::Duration;

use tokio::time::Instant;

/// A worker that misses so many answers in a row is taken out.
pub const MISSED_ANSWERS_MAX: u32 = 2;

/// The period in which a worker that is out is asked whether it is back, as long as jobs arrive.
pub const PROBE_INTERVAL: Duration = Duration::from_millis(250);

/// A worker that returns gets this many jobs at a time at first, and one more with every answer.
const FIRST_WINDOW: usize = 1;

/// Beyond this many jobs at a time the window does not limit a worker.
const WINDOW_MAX: usize = 1024;

/// The health of one worker.
#[derive(Debug)]
pub struct Health {
    missed: u32,
    /// Jobs whose answers are late and that are being asked after.
    overdue: u32,
    /// Most jobs that may be unanswered at a time.
    window: usize,
    probe_at: Option<Instant>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            missed: 0,
            overdue: 0,
            window: WINDOW_MAX,
            probe_at: None,
        }
    }
}

impl Health {
    /// Whether the worker may get another job.
    pub fn is_usable(&self, outstanding: usize) -> bool {
        !self.is_out() && self.overdue == 0 && outstanding < self.window
    }

    /// Whether the worker is taken for dead.
    pub fn is_out(&self) -> bool {
        self.missed >= MISSED_ANSWERS_MAX
    }

    /// Records a message from the worker.
    pub fn heard(&mut self) {
        if self.is_out() {
            self.window = FIRST_WINDOW;
        }
        self.missed = 0;
    }

    /// Records that a job was answered.
    pub fn answered(&mut self) {
        self.window = (self.window + 1).min(WINDOW_MAX);
    }

    /// Records that a question was not answered in time.
    pub fn missed(&mut self) {
        self.missed += 1;
    }

    /// Records that the node begins or ends to ask after a job.
    pub fn set_overdue(&mut self, is_overdue: bool) {
        match is_overdue {
            true => self.overdue += 1,
            false => self.overdue -= 1,
        }
    }

    /// Returns whether a probe is due, and expects it to be sent.
    pub fn take_probe(&mut self, now: Instant) -> bool {
        let is_due = self.probe_at.is_none_or(|at| at <= now);
        if is_due {
            self.probe_at = Some(now + PROBE_INTERVAL);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worker_is_out_after_two_missed_answers_and_returns_gradually() {
        let mut health = Health::default();
        assert!(health.is_usable(100));
        health.missed();
        assert!(!health.is_out());
        health.missed();
        assert!(health.is_out() && !health.is_usable(0));
        health.heard();
        assert!(health.is_usable(0) && !health.is_usable(1));
        health.answered();
        assert!(health.is_usable(1) && !health.is_usable(2));
    }

    #[test]
    fn worker_with_an_overdue_answer_gets_no_jobs() {
        let mut health = Health::default();
        health.set_overdue(true);
        assert!(!health.is_usable(0));
        health.set_overdue(false);
        assert!(health.is_usable(0));
    }
}
