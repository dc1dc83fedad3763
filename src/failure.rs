//! The fatal error of a node: it stops the node, and the process exits with an error.

use std::cell::RefCell;

use tokio::sync::Notify;

use crate::Error;

/// A slot for the first fatal error of a node.
#[derive(Default)]
pub(crate) struct Failure {
    error: RefCell<Option<Error>>,
    reported: Notify,
}

impl Failure {
    /// Stores the error, unless there is one already, and wakes the server.
    pub(crate) fn report(&self, error: Error) {
        self.error.borrow_mut().get_or_insert(error);
        self.reported.notify_one();
    }

    /// Waits for a fatal error. Cancel safe.
    pub(crate) async fn wait(&self) -> Error {
        loop {
            if let Some(error) = self.error.take() {
                return error;
            }
            self.reported.notified().await;
        }
    }
}
