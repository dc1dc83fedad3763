//! Noticing that all nodes wait.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

/// Tells that no task has anything to do. Tokio says so just before it parks its thread, and would
/// let time pass then; waking somebody at that moment keeps it from doing so.
#[derive(Default)]
pub(super) struct Idleness {
    noted: AtomicBool,
    watcher: Mutex<Option<Waker>>,
}

impl Idleness {
    /// From now on, wakes `watcher` when all are idle.
    pub(super) fn watch(&self, watcher: Option<Waker>) {
        self.noted.store(false, Ordering::Relaxed);
        *self.watcher.lock().expect("nobody panics here") = watcher;
    }

    pub(super) fn note(&self) {
        if let Some(watcher) = self.watcher.lock().expect("nobody panics here").take() {
            self.noted.store(true, Ordering::Relaxed);
            watcher.wake();
        }
    }

    pub(super) fn noted(&self) -> bool {
        self.noted.load(Ordering::Relaxed)
    }
}
