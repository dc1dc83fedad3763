//! When to send again what was not acknowledged.

use std::time::Duration;

use tokio::time::Instant;

/// Longer than an acknowledgement may wait for company.
const FIRST: Duration = Duration::from_millis(250);

/// Things are sent again at least this often.
const MOST: Duration = Duration::from_secs(1);

/// How long one stream of things to be acknowledged waits: twice as long each time nothing comes.
/// Each stream has its own, so that none is kept waiting by the progress of another.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    ends_at: Option<Instant>,
    failures: u32,
}

impl Patience {
    /// Notes whether anything is unacknowledged now, and whether an acknowledgement has just come.
    pub fn note(&mut self, outstanding: bool, progress: bool, round_trip: Duration, now: Instant) {
        if progress || !outstanding {
            *self = Self::default();
        }
        if outstanding && self.ends_at.is_none() {
            let doubled = FIRST * 2_u32.pow(self.failures.min(8));
            self.ends_at = Some(now + doubled.min(MOST) + 2 * round_trip);
        }
    }

    /// Whether it has come to an end; true once each time.
    pub fn has_ended(&mut self, now: Instant) -> bool {
        let ended = self.ends_at.is_some_and(|at| at <= now);
        if ended {
            self.ends_at = None;
            self.failures += 1;
        }
        ended
    }

    /// When it ends, if anything is waited for.
    pub fn ends_at(&self) -> Option<Instant> {
        self.ends_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_again_and_again_ever_more_slowly_until_there_is_progress() {
        let start = Instant::now();
        let (mut patience, mut now) = (Patience::default(), start);
        let mut waits = Vec::new();
        for _ in 0..4 {
            patience.note(true, false, Duration::ZERO, now);
            let end = patience.ends_at().expect("something is outstanding");
            assert!(!patience.has_ended(now));
            assert!(patience.has_ended(end));
            assert!(!patience.has_ended(end));
            waits.push((end - now).as_millis());
            now = end;
        }
        assert_eq!(waits, [250, 500, 1000, 1000]);
        patience.note(true, true, Duration::ZERO, now);
        assert_eq!(patience.ends_at(), Some(now + FIRST));
        patience.note(false, true, Duration::ZERO, now);
        assert_eq!(patience.ends_at(), None);
    }
}
