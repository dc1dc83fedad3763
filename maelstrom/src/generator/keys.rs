//! The pool of active keys of the transactional and the log workloads.

use rand::{Rng, RngExt};

use crate::seed::ChaCha8Rng;

/// A fixed number of active keys, each written a bounded number of times and then replaced in
/// place by a fresh one. Later places are drawn far more often: the last one with probability
/// about ½, the one before with ¼, and so on.
#[derive(Clone, Debug)]
pub struct KeyPool {
    /// The key in each place, and the last value written to it.
    places: Vec<(u64, u64)>,
    next_key: u64,
    writes_max: u64,
}

/// A read of a key, or a write to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read this key.
    Read(u64),
    /// Write a value to this key: 1, 2, 3, … per key.
    Write(u64, u64),
}

impl Access {
    /// Returns the key.
    pub fn key(self) -> u64 {
        match self {
            Access::Read(key) | Access::Write(key, _) => key,
        }
    }
}

impl KeyPool {
    /// Creates a pool of the keys `0 .. key_count`, each to be written `writes_max` times. Both
    /// numbers must be above 0.
    pub fn new(key_count: usize, writes_max: u64) -> KeyPool {
        assert!(key_count > 0, "a pool needs a key");
        assert!(writes_max > 0, "every key must be written at least once");
        let places = (0..key_count as u64).map(|key| (key, 0)).collect();
        KeyPool {
            places,
            next_key: key_count as u64,
            writes_max,
        }
    }

    /// Draws a read or a write, each with probability ½. A write whose key is used up replaces the
    /// key and draws again. So reads are a little more frequent than writes, and the first
    /// operation on a fresh key is a read as often as a write.
    pub fn draw(&mut self, rng: &mut ChaCha8Rng) -> Access {
        loop {
            let place = self.draw_place(rng);
            let (key, last) = &mut self.places[place];
            if rng.random() {
                return Access::Read(*key);
            }
            if *last < self.writes_max {
                *last += 1;
                return Access::Write(*key, *last);
            }
            self.places[place] = (self.next_key, 0);
            self.next_key += 1;
        }
    }

    /// Draws place *i* of *n* with probability 2^*i* / (2^*n* - 1): each tails of a coin is a step
    /// back from the last place, and a step out of the pool starts over.
    fn draw_place(&self, rng: &mut ChaCha8Rng) -> usize {
        let last = self.places.len() - 1;
        loop {
            let back = rng.next_u64().trailing_zeros() as usize;
            if let Some(place) = last.checked_sub(back) {
                return place;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::seed::Seed;

    #[test]
    fn last_place_is_drawn_half_of_the_time_and_the_one_before_a_quarter() {
        let mut rng = Seed(0).stream("keys");
        let pool = KeyPool::new(10, 1);
        let mut drawn = [0; 10];
        for _ in 0..10_000 {
            drawn[pool.draw_place(&mut rng)] += 1;
        }
        for (place, &drawn) in drawn.iter().enumerate() {
            let expected = 10_000.0 * 2f64.powi(place as i32) / 1023.0;
            let deviation = (f64::from(drawn) - expected).abs();
            assert!(
                deviation < 5.0 * expected.sqrt(),
                "{drawn} times place {place}"
            );
        }
    }

    #[test]
    fn values_of_a_key_count_from_one_and_a_used_up_key_never_returns() {
        let mut rng = Seed(0).stream("keys");
        let mut pool = KeyPool::new(3, 4);
        let mut written = BTreeMap::<u64, u64>::new();
        for _ in 0..2_000 {
            match pool.draw(&mut rng) {
                Access::Read(key) => assert!(pool.places.iter().any(|&(active, _)| active == key)),
                Access::Write(key, value) => {
                    let last = written.insert(key, value).unwrap_or(0);
                    assert_eq!(value, last + 1);
                }
            }
        }
        assert!(written.values().all(|&last| last <= 4));
        // All keys but the active ones were used up, in whatever order.
        let unfinished = written.iter().filter(|&(_, &last)| last < 4);
        assert!(unfinished.count() <= 3);
    }

    #[test]
    fn fresh_key_is_read_first_as_often_as_written_first() {
        let mut rng = Seed(0).stream("keys");
        let mut pool = KeyPool::new(10, 1);
        let mut known: BTreeSet<u64> = (0..10).collect();
        let (mut fresh, mut read_first) = (0, 0);
        for _ in 0..4_000 {
            let access = pool.draw(&mut rng);
            if known.insert(access.key()) {
                fresh += 1;
                read_first += u32::from(matches!(access, Access::Read(_)));
            }
        }
        let fraction = f64::from(read_first) / f64::from(fresh);
        assert!((0.45..0.55).contains(&fraction), "{read_first} of {fresh}");
    }

    #[test]
    fn pools_of_one_and_of_a_thousand_keys_work() {
        let mut rng = Seed(0).stream("keys");
        assert_eq!(KeyPool::new(1, 5).draw(&mut rng).key(), 0);
        assert!(KeyPool::new(1000, 5).draw(&mut rng).key() > 900);
    }
}
