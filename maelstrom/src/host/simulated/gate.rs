//! Pausing a node, and stopping one that spins.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::heartbeat::Heartbeat;

/// The number of times that a node may be scheduled while time stands still. A node that needs more
/// is spinning: even one that receives messages from hundreds of others at one instant needs fewer.
pub(super) const MAX_POLLS: u64 = 100_000;

/// Whether a node may run.
#[derive(Default)]
pub(super) struct Gate {
    is_closed: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Gate {
    pub(super) fn close(&self) {
        self.is_closed.set(true);
    }

    pub(super) fn open(&self) {
        self.is_closed.set(false);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The instants of a run, and the node that spins at the current one.
#[derive(Default)]
pub(super) struct Instants {
    /// The number of times that time has passed.
    current: Cell<u64>,
    spinning: Cell<Option<usize>>,
}

impl Instants {
    /// Begins a new instant.
    pub(super) fn advance(&self) {
        self.current.set(self.current.get() + 1);
        self.spinning.set(None);
    }

    /// The node that was scheduled more than [`MAX_POLLS`] times at this instant.
    pub(super) fn spinning(&self) -> Option<usize> {
        self.spinning.get()
    }
}

/// A node's future. It is not polled while its gate is closed, or once it spins.
pub(super) struct Gated<F> {
    node: usize,
    gate: Rc<Gate>,
    instants: Rc<Instants>,
    heartbeat: Arc<Heartbeat>,
    /// The instant of the last poll.
    instant: u64,
    /// The number of polls at that instant.
    polls: u64,
    inner: Pin<Box<F>>,
}

impl<F> Gated<F> {
    pub(super) fn new(
        node: usize,
        gate: Rc<Gate>,
        instants: Rc<Instants>,
        heartbeat: Arc<Heartbeat>,
        inner: F,
    ) -> Self {
        Self {
            node,
            gate,
            instants,
            heartbeat,
            instant: 0,
            polls: 0,
            inner: Box::pin(inner),
        }
    }
}

impl<F: Future> Future for Gated<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<F::Output> {
        if self.gate.is_closed.get() {
            self.gate.waker.replace(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        let instant = self.instants.current.get();
        if self.instant != instant {
            (self.instant, self.polls) = (instant, 0);
        }
        self.polls += 1;
        if self.polls > MAX_POLLS {
            // Stop polling it, so that the host can act.
            self.instants.spinning.set(Some(self.node));
            return Poll::Pending;
        }
        self.heartbeat.begin_poll(self.node);
        let output = self.inner.as_mut().poll(cx);
        self.heartbeat.end_poll();
        output
    }
}
