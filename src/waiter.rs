//! The task that waits for an event of a node.

use std::cell::RefCell;
use std::task::{Context, Waker};

/// A slot for the waker of one task.
#[derive(Default)]
pub(crate) struct Waiter(RefCell<Option<Waker>>);

impl Waiter {
    /// Stores the task that is being polled, to be woken once.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        match &mut *self.0.borrow_mut() {
            // Cheaper than a clone if it is the same waker, which it nearly always is.
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// Forgets the stored task.
    pub(crate) fn clear(&self) {
        drop(self.0.take());
    }

    /// Wakes the stored task, if there is one, and forgets it.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }
}
