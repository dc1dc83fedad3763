//! Pausing a node, and stopping one that spins.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// So often may nodes be scheduled while time stands still; a node that wants more spins.
pub(super) const POLLS_MAX: u64 = 100_000;

/// Whether a node may run.
#[derive(Default)]
pub(super) struct Gate {
    closed: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Gate {
    pub(super) fn close(&self) {
        self.closed.set(true);
    }

    pub(super) fn open(&self) {
        self.closed.set(false);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A life that stands still while its gate is closed.
pub(super) struct Gated<F> {
    gate: Rc<Gate>,
    polls: Rc<Cell<u64>>,
    life: Pin<Box<F>>,
}

impl<F> Gated<F> {
    /// A life that counts in `polls` how often it is scheduled.
    pub(super) fn new(gate: Rc<Gate>, polls: Rc<Cell<u64>>, life: F) -> Self {
        let life = Box::pin(life);
        Self { gate, polls, life }
    }
}

impl<F: Future> Future for Gated<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<F::Output> {
        if self.gate.closed.get() {
            self.gate.waker.replace(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        self.polls.set(self.polls.get() + 1);
        if self.polls.get() > POLLS_MAX {
            // It spins; standing still, it lets the host notice.
            return Poll::Pending;
        }
        self.life.as_mut().poll(cx)
    }
}
