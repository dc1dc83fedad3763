//! Warnings about queues that keep growing, logged before memory runs out.

use std::cell::Cell;

/// The smallest queue length that is worth a warning.
const FIRST_WARNING: usize = 2048;

/// Logs a warning each time the length of a queue reaches another power of two.
pub(crate) struct Backlog {
    what: &'static str,
    next: Cell<usize>,
}

impl Backlog {
    /// Creates a watch on a queue of `what`, a plural noun phrase for the log.
    pub(crate) fn new(what: &'static str) -> Self {
        Self {
            what,
            next: Cell::new(FIRST_WARNING),
        }
    }

    /// Records the current length, and logs a warning if it is the largest power of two so far.
    pub(crate) fn observe(&self, length: usize, log: impl FnOnce(&str)) {
        if length >= self.next.get() {
            self.next.set((length + 1).next_power_of_two());
            log(&format!("warning: {length} {}", self.what));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_queue_warns_once_per_power_of_two() {
        let backlog = Backlog::new("things");
        let mut warnings = Vec::new();
        for length in (0..10_000).chain(0..10_000) {
            backlog.observe(length, |text| warnings.push(text.to_owned()));
        }
        assert_eq!(
            warnings,
            [
                "warning: 2048 things",
                "warning: 4096 things",
                "warning: 8192 things"
            ]
        );
    }
}
