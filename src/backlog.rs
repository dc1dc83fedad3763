//! Growth that should not happen becomes visible before the memory is gone.

use std::cell::Cell;

/// Below this, a backlog is nothing to speak of.
const UNREMARKABLE: usize = 1024;

/// Watches one number, and speaks up each time it reaches another power of two.
pub(crate) struct Backlog {
    what: &'static str,
    next: Cell<usize>,
}

impl Backlog {
    pub(crate) fn new(what: &'static str) -> Self {
        Self {
            what,
            next: Cell::new(2 * UNREMARKABLE),
        }
    }

    /// Takes note of the number as it is now.
    pub(crate) fn observe(&self, now: usize, log: impl FnOnce(&str)) {
        if now >= self.next.get() {
            self.next.set((now + 1).next_power_of_two());
            log(&format!("warning: {now} {}", self.what));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_comes_at_each_power_of_two_and_only_once() {
        let backlog = Backlog::new("things");
        let mut warnings = Vec::new();
        for now in (0..10_000).chain(0..10_000) {
            backlog.observe(now, |text| warnings.push(text.to_owned()));
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
