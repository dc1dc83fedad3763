//! The fatal error of a node: it stops the node, and the process exits with an error.

use std::cell::RefCell;
use std::task::{Context, Poll};

use crate::Error;
use crate::waiter::Waiter;

/// A slot for the first fatal error of a node.
#[derive(Default)]
pub(crate) struct Failure {
    error: RefCell<Option<Error>>,
    server: Waiter,
}

impl Failure {
    /// Stores the error, unless there is one already, and wakes the server.
    pub(crate) fn report(&self, error: Error) {
        self.error.borrow_mut().get_or_insert(error);
        self.server.wake();
    }

    /// Returns the fatal error once there is one.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Error> {
        match self.error.take() {
            Some(error) => Poll::Ready(error),
            None => {
                self.server.register(cx);
                Poll::Pending
            }
        }
    }
}
