//! Notices a seed that never ends.
//!
//! A node that spins, or never yields, is noticed by the simulated host. This is for whatever else
//! may hang: a scenario that waits for something that never happens, say.

#![expect(
    clippy::disallowed_methods,
    reason = "a seed that hangs does so in real time"
)]

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The longest time that a seed may take. Seeds take seconds, so that one that takes this long is
/// stuck, on any machine.
const SEED_TIMEOUT: Duration = Duration::from_secs(600);

/// The interval at which seeds are looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Watches the seeds of a scenario.
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
    /// Returns a seed that has run for too long.
    fn stuck(&self, now: Instant) -> Option<u64> {
        let mut begun = self.begun.iter();
        let stuck = begun.find(|(_, at)| now.duration_since(**at) > SEED_TIMEOUT);
        stuck.map(|(seed, _)| *seed)
    }
}

impl Watchdog {
    /// Begins to watch a seed.
    pub(super) fn begin(&self, seed: u64) {
        self.state().begun.insert(seed, Instant::now());
    }

    /// Ends the watch of a seed, which ended or panicked.
    pub(super) fn end(&self, seed: u64) {
        self.state().begun.remove(&seed);
    }

    /// Ends the watch of all seeds.
    pub(super) fn dismiss(&self) {
        self.state().is_over = true;
        self.over.notify_all();
    }

    /// Waits until a seed is stuck, which is returned, or until the watchdog is dismissed.
    pub(super) fn watch(&self) -> Option<u64> {
        let mut state = self.state();
        while !state.is_over {
            if let Some(seed) = state.stuck(Instant::now()) {
                return Some(seed);
            }
            let waited = self.over.wait_timeout(state, CHECK_INTERVAL);
            state = waited.expect("watching does not panic").0;
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("watching does not panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_is_stuck_when_it_has_run_for_too_long() {
        let begun = Instant::now();
        let mut state = State::default();
        state.begun.insert(7, begun);
        state.begun.insert(8, begun + SEED_TIMEOUT);
        assert_eq!(state.stuck(begun + SEED_TIMEOUT), None);
        assert_eq!(state.stuck(begun + SEED_TIMEOUT * 2), Some(7));
        state.begun.remove(&7);
        assert_eq!(state.stuck(begun + SEED_TIMEOUT * 2), None);
    }

    #[test]
    fn dismissed_watchdog_finds_no_seed() {
        let watchdog = Watchdog::default();
        watchdog.begin(1);
        watchdog.end(1);
        watchdog.dismiss();
        assert_eq!(watchdog.watch(), None);
    }
}
