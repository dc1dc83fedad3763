//! The boundary at which a checker's panic becomes a verdict.
//!
//! Histories hold whatever a node chose to say, and a broken assumption in a checker must not cost
//! the run its statistics and its record: as upstream, it makes the workload undecided.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use super::CheckerError;

thread_local! {
    /// Inside [`guarded`], the text of a panic that happened there.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Whether this thread is inside [`guarded`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a checker, and turns a panic into an error that tells its message and place. Nothing is
/// printed on standard error.
pub(super) fn guarded<T>(checker: impl FnOnce() -> T) -> Result<T, CheckerError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if GUARDED.get() {
                CAUGHT.set(Some(describe(panic)));
            } else {
                previous(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    // A checker only reads the history, so nothing half-done outlives the panic.
    let result = panic::catch_unwind(AssertUnwindSafe(checker));
    GUARDED.set(outer);
    result.map_err(|_| {
        let message = CAUGHT
            .take()
            .unwrap_or_else(|| "a panic without a word".to_owned());
        CheckerError::new(message)
    })
}

fn describe(panic: &PanicHookInfo) -> String {
    let payload = panic.payload();
    let message = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    match panic.location() {
        Some(place) => format!("{message} ({}:{})", place.file(), place.line()),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_that_tells_what_and_where() {
        let error = guarded(|| -> u32 { panic!("element {} is missing", 7) }).unwrap_err();
        assert!(
            error.message.contains("element 7 is missing"),
            "{}",
            error.message
        );
        assert!(error.message.contains("guard.rs:"), "{}", error.message);
        assert!(!error.fatal);
        assert_eq!(guarded(|| 3), Ok(3));
    }
}
