//! Detects that no task has anything to do.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

/// Detects that no task has anything to do. Tokio reports this just before it parks its thread, and
/// would then let time pass; waking a task at that moment prevents it. (The order of the two is not
/// documented; a test of the simulated host fails if it changes.)
#[derive(Default)]
pub(super) struct Idleness {
    is_noted: AtomicBool,
    watcher: Mutex<Option<Waker>>,
}

impl Idleness {
    /// Wakes `watcher` the next time that no task has anything to do.
    pub(super) fn watch(&self, watcher: Option<Waker>) {
        self.is_noted.store(false, Ordering::Relaxed);
        *self.watcher() = watcher;
    }

    /// Records that no task has anything to do.
    pub(super) fn note(&self) {
        if let Some(watcher) = self.watcher().take() {
            self.is_noted.store(true, Ordering::Relaxed);
            watcher.wake();
        }
    }

    /// Returns whether all tasks were idle since the last [`watch`](Idleness::watch).
    pub(super) fn is_noted(&self) -> bool {
        self.is_noted.load(Ordering::Relaxed)
    }

    fn watcher(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.watcher.lock().expect("storing a waker does not panic")
    }
}
