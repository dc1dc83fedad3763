//! The boundary at which a checker's panic becomes a verdict.
//!
//! Histories hold whatever a node chose to say, and a broken assumption in a checker must not cost
//! the run its statistics and its record: as upstream, it makes the workload undecided.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use super::CheckerError;

/// Runs a checker, and turns a panic into an error with its message. The place of the panic is on
/// standard error, where the process's panic hook prints it.
pub(super) fn guarded<T>(checker: impl FnOnce() -> T) -> Result<T, CheckerError> {
    // A checker only reads the history, so no partial change outlives the panic.
    panic::catch_unwind(AssertUnwindSafe(checker))
        .map_err(|payload| CheckerError::new(message_of(&*payload)))
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_becomes_an_error_with_its_message() {
        let error = guarded(|| -> u32 { panic!("element {} is missing", 7) }).unwrap_err();
        assert_eq!(error.message, "element 7 is missing");
        assert!(!error.fatal);
        assert_eq!(guarded(|| 3), Ok(3));
    }
}
