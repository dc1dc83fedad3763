//! Notices a seed that never ends.
//!
//! A node that spins, or never yields, is noticed by the simulated host. This is for whatever else
//! may hang: a scenario that waits for something that never happens, say.
//!
//! It counts its checks, and does not read a clock: a process that was suspended for an hour did not hang
//! for an hour.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// The interval at which seeds are looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// The number of checks, ten minutes, after which a seed is stuck. Seeds take seconds, on any machine.
const MAX_CHECKS: u32 = 120;

/// Watches the seeds of a scenario.
#[derive(Default)]
pub(super) struct Watchdog {
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Default)]
struct State {
    /// The number of checks that each seed has seen.
    begun: BTreeMap<u64, u32>,
    is_over: bool,
}

impl State {
    /// Counts a check. Returns a seed that has run for too long.
    fn check(&mut self) -> Option<u64> {
        for checks in self.begun.values_mut() {
            *checks += 1;
        }
        let stuck = self.begun.iter().find(|(_, checks)| **checks > MAX_CHECKS);
        stuck.map(|(seed, _)| *seed)
    }
}

impl Watchdog {
    /// Begins to watch a seed.
    pub(super) fn begin(&self, seed: u64) {
        self.state().begun.insert(seed, 0);
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
            let waited = self.over.wait_timeout(state, CHECK_INTERVAL);
            state = waited.expect("watching does not panic").0;
            if let Some(seed) = state.check() {
                return Some(seed);
            }
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
        let mut state = State::default();
        state.begun.insert(7, 0);
        for _ in 0..MAX_CHECKS {
            assert_eq!(state.check(), None);
        }
        state.begun.insert(8, 0);
        assert_eq!(state.check(), Some(7));
        state.begun.remove(&7);
        assert_eq!(state.check(), None);
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
