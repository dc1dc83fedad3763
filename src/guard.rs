//! Futures of a node's own code, fenced so that a panic in one of them ends that one only.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What a panic said.
pub(crate) struct Panic(Box<dyn Any + Send>);

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.downcast_ref::<&str>().copied();
        let text = text.or_else(|| self.0.downcast_ref::<String>().map(String::as_str));
        f.write_str(text.unwrap_or("without a text"))
    }
}

/// Calls `f`, and returns its panic if it panics.
///
/// The node stays in use afterwards. Its state is as the panic left it; borrows of `RefCell`s end
/// by unwinding, so none is locked for ever.
pub(crate) fn guarded<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(f)).map_err(Panic)
}

/// A future whose panics are caught, in an allocation that can be used for one future after
/// another.
pub(crate) struct Guarded<F>(Pin<Box<Option<F>>>);

impl<F> Guarded<F> {
    pub(crate) fn new(future: F) -> Self {
        Self(Box::pin(Some(future)))
    }

    pub(crate) fn empty() -> Self {
        Self(Box::pin(None))
    }

    /// Puts a future into the place of one that has finished.
    pub(crate) fn set(&mut self, future: F) {
        self.0.set(Some(future));
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Panic>;

    /// The future is dropped as soon as it has finished or panicked.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self
            .0
            .as_mut()
            .as_pin_mut()
            .expect("a finished future is not polled again");
        let output = match guarded(|| future.poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => Err(panic),
        };
        self.0.set(None);
        Poll::Ready(output)
    }
}
