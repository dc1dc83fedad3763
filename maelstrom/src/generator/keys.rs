//! The pool of active keys of the transactional and the log workloads.

use rand::RngExt;

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

impl KeyPool {
    /// Keys `0 .. key_count`, each to be written `writes_max` times.
    pub fn new(key_count: usize, writes_max: u64) -> KeyPool {
        let places = (0..key_count as u64).map(|key| (key, 0)).collect();
        KeyPool {
            places,
            next_key: key_count as u64,
            writes_max,
        }
    }

    /// A key to read.
    pub fn draw_key(&mut self, rng: &mut ChaCha8Rng) -> u64 {
        let place = self.draw_place(rng);
        self.places[place].0
    }

    /// A key to write and the value for it: 1, 2, 3, … per key.
    pub fn draw_write(&mut self, rng: &mut ChaCha8Rng) -> (u64, u64) {
        let place = self.draw_place(rng);
        if self.places[place].1 == self.writes_max {
            self.places[place] = (self.next_key, 0);
            self.next_key += 1;
        }
        let (key, last) = &mut self.places[place];
        *last += 1;
        (*key, *last)
    }

    /// Draws x uniformly from [1, 2^n) and takes the place ⌊log₂ x⌋, which is the last one for the
    /// upper half of the range, the one before for the quarter below it, and so on.
    fn draw_place(&self, rng: &mut ChaCha8Rng) -> usize {
        let count = self.places.len();
        let uniform: f64 = rng.random();
        let x = 1.0 + uniform * (2f64.powi(count as i32) - 1.0);
        (x.log2() as usize).min(count - 1)
    }
}
