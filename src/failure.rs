//! The error with which a node ends itself.

use std::cell::RefCell;

use tokio::sync::Notify;

use crate::Error;

/// The first error given to [`Context::fail`](crate::Context::fail), for the loop that runs the
/// node.
#[derive(Default)]
pub(crate) struct Failure {
    error: RefCell<Option<Error>>,
    set: Notify,
}

impl Failure {
    /// Sets the error, unless there is one already.
    pub(crate) fn set(&self, error: Error) {
        self.error.borrow_mut().get_or_insert(error);
        self.set.notify_one();
    }

    /// Waits until the error is set.
    pub(crate) async fn wait(&self) -> Error {
        loop {
            if let Some(error) = &*self.error.borrow() {
                return error.clone();
            }
            self.set.notified().await;
        }
    }
}
