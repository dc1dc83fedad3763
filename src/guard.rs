//! Isolation of panics in a node's own code: a panic ends one handler or task, not the node.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The payload of a panic; displays its message.
pub(crate) struct Panic(Box<dyn Any + Send>);

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.downcast_ref::<&str>().copied();
        let text = text.or_else(|| self.0.downcast_ref::<String>().map(String::as_str));
        f.write_str(text.unwrap_or("no message"))
    }
}

/// Calls `f` and returns its panic as an error.
///
/// The node's state stays in use as the panic left it. That is acceptable because unwinding ends all
/// borrows, so no `RefCell` stays locked.
pub(crate) fn guarded<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(f)).map_err(Panic)
}

/// A future whose panics are caught. Its allocation can be reused for another future.
pub(crate) struct Guarded<F>(Pin<Box<Option<F>>>);

impl<F> Guarded<F> {
    pub(crate) fn new(future: F) -> Self {
        Self(Box::pin(Some(future)))
    }

    pub(crate) fn empty() -> Self {
        Self(Box::pin(None))
    }

    /// Replaces a finished future with another one.
    pub(crate) fn set(&mut self, future: F) {
        self.0.set(Some(future));
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Panic>;

    /// Drops the inner future as soon as it is ready or has panicked.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self
            .0
            .as_mut()
            .as_pin_mut()
            .expect("a finished future must not be polled again");
        let output = match guarded(|| future.poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => Err(panic),
        };
        self.0.set(None);
        Poll::Ready(output)
    }
}
