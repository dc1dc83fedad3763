//! When a transaction committed, in an order that all nodes agree on.

use std::cell::Cell;
use std::time::Duration;

use dissemination::Origin;

/// The moment of a transaction. No two transactions have the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    /// By the clock of the node.
    pub(crate) at: u64,
    /// Which decides between nodes, and between the lives of one: of a life, no two transactions
    /// have the same time.
    pub(crate) origin: Origin,
}

/// A hybrid clock: later than everything that this node has seen, and never behind its wall clock.
/// See Kulkarni et al., "Logical Physical Clocks" (2014).
///
/// The first half is Lamport's clock, and is all that isolation needs. The second half is for the
/// user. A purely logical clock counts transactions, so after a partition the busier side would
/// win over the later one; and a node that was killed would begin at zero again, and lose all that
/// it wrote before it has heard from others.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// In microseconds since the Unix epoch; fewer than a node can execute transactions in.
    last: Cell<u64>,
}

impl Clock {
    /// The time of a new transaction: later than all times given and seen so far.
    pub(crate) fn tick(&self, wall_clock: Duration) -> u64 {
        let now = (wall_clock.as_micros() as u64).max(self.last.get() + 1);
        self.last.set(now);
        now
    }

    /// Takes note of a time of another node.
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
    fn times_increase_whatever_the_wall_clock_does() {
        let clock = Clock::default();
        let times = [5, 5, 9, 2, 0, 10, 30].map(|wall_clock| clock.tick(us(wall_clock)));
        assert_eq!(times, [5, 6, 9, 10, 11, 12, 30]);
    }

    #[test]
    fn a_time_is_later_than_all_that_was_seen() {
        let clock = Clock::default();
        clock.observe(100);
        assert_eq!(clock.tick(us(50)), 101);
        clock.observe(20);
        assert_eq!(clock.tick(us(60)), 102);
        assert_eq!(clock.tick(us(200)), 200);
    }

    #[test]
    fn a_new_life_goes_on_where_the_wall_clock_stands() {
        let before = Clock::default();
        let last = (0..1000).map(|_| before.tick(us(7))).max();
        let after = Clock::default();
        assert!(Some(after.tick(us(2000))) > last);
    }
}
