//! The order of transactions, on which all nodes agree.

use std::cell::Cell;
use std::time::Duration;

use dissemination::Origin;

/// The stamp of a transaction. No two transactions have the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    /// Time of the node's [`Clock`]. An origin uses each time once.
    pub(crate) at: u64,
    /// The incarnation of a node that executed the transaction; it orders stamps of the same time.
    pub(crate) origin: Origin,
}

/// A hybrid clock: ahead of all times that this node has seen, and never behind its wall clock
/// (Kulkarni et al., "Logical Physical Clocks", 2014).
///
/// The first property is that of Lamport's clock, and isolation needs no more. The second is for
/// users. A purely logical clock counts transactions, so after a partition the busier side would win
/// over the later one, and the writes of a restarted node, which counts from zero, would lose until
/// it has heard from others.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// Microseconds since the Unix epoch. A node executes less than one transaction in each, so the
    /// clock does not run away from the wall clock.
    last: Cell<u64>,
}

impl Clock {
    /// Returns the time of a new transaction, later than all times returned and observed so far.
    pub(crate) fn tick(&self, wall_clock: Duration) -> u64 {
        let now = (wall_clock.as_micros() as u64).max(self.last.get() + 1);
        self.last.set(now);
        now
    }

    /// Records the time of another node's transaction.
    pub(crate) fn observe(&self, at: u64) {
        self.last.set(at.max(self.last.get()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(count: u64) -> Duration {
        Duration::from_micros(count)
    }

    #[test]
    fn times_increase_when_the_wall_clock_steps_back() {
        let clock = Clock::default();
        let times = [5, 5, 9, 2, 0, 10, 30].map(|wall_clock| clock.tick(us(wall_clock)));
        assert_eq!(times, [5, 6, 9, 10, 11, 12, 30]);
    }

    #[test]
    fn time_is_later_than_all_observed_times() {
        let clock = Clock::default();
        clock.observe(100);
        assert_eq!(clock.tick(us(50)), 101);
        clock.observe(20);
        assert_eq!(clock.tick(us(60)), 102);
        assert_eq!(clock.tick(us(200)), 200);
    }

    #[test]
    fn restarted_clock_continues_from_the_wall_clock() {
        let before = Clock::default();
        let last = (0..1000).map(|_| before.tick(us(7))).max();
        let after = Clock::default();
        assert!(Some(after.tick(us(2000))) > last);
    }
}
