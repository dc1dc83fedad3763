//! Notices a seed that never ends.
//!
//! A node that spins but yields now and then is caught by the simulated host. One in a loop that
//! yields to nobody keeps the whole thread, so somebody else has to look.

#![expect(
    clippy::disallowed_methods,
    reason = "whoever hangs does so in real time"
)]

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// A seed takes seconds. One that takes this long is stuck, on any machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(5);

/// Keeps an eye on the seeds that run.
#[derive(Default)]
pub(super) struct Watchdog {
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Default)]
struct State {
    begun: BTreeMap<u64, Instant>,
    is_over: bool,
}

impl State {
    /// A seed that has been running for too long.
    fn stuck(&self, now: Instant) -> Option<u64> {
        let mut begun = self.begun.iter();
        let stuck = begun.find(|(_, at)| now.duration_since(**at) > PATIENCE);
        stuck.map(|(seed, _)| *seed)
    }
}

impl Watchdog {
    /// A seed begins.
    pub(super) fn begin(&self, seed: u64) {
        let mut state = self.state.lock().expect("nobody panics here");
        state.begun.insert(seed, Instant::now());
    }

    /// It has ended, one way or the other.
    pub(super) fn end(&self, seed: u64) {
        let mut state = self.state.lock().expect("nobody panics here");
        state.begun.remove(&seed);
    }

    /// There are no more seeds.
    pub(super) fn dismiss(&self) {
        self.state.lock().expect("nobody panics here").is_over = true;
        self.over.notify_all();
    }

    /// Waits until dismissed, or until a seed is stuck, which it gives.
    pub(super) fn watch(&self) -> Option<u64> {
        let mut state = self.state.lock().expect("nobody panics here");
        while !state.is_over {
            if let Some(seed) = state.stuck(Instant::now()) {
                return Some(seed);
            }
            let waited = self.over.wait_timeout(state, INTERVAL);
            state = waited.expect("nobody panics here").0;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_stuck_when_it_has_run_for_too_long_and_has_not_ended() {
        let begun = Instant::now();
        let mut state = State::default();
        state.begun.insert(7, begun);
        state.begun.insert(8, begun + PATIENCE);
        assert_eq!(state.stuck(begun + PATIENCE), None);
        assert_eq!(state.stuck(begun + PATIENCE * 2), Some(7));
        state.begun.remove(&7);
        assert_eq!(state.stuck(begun + PATIENCE * 2), None);
    }

    #[test]
    fn a_watchdog_that_is_dismissed_has_found_nobody() {
        let watchdog = Watchdog::default();
        watchdog.begin(1);
        watchdog.end(1);
        watchdog.dismiss();
        assert_eq!(watchdog.watch(), None);
    }
}
