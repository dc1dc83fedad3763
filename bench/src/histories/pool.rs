//! Chance, and the active keys that operations are drawn from.

/// A generator of pseudo-random numbers: SplitMix64 (Steele, Lea and Flood 2014).
pub struct Dice(u64);

impl Dice {
    /// Creates a generator.
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Draws a number below `bound`. Its bias is negligible for the small bounds here.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Returns true with this chance.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Draws *i* with probability 2^-(*i* + 1), and at most `max`.
    fn geometric(&mut self, max: usize) -> usize {
        (self.next().trailing_zeros() as usize).min(max)
    }
}

/// A fixed number of active keys, each replaced by a fresh one after a number of writes. As in Eddy's
/// workloads, one place is drawn half of the time, the next one a quarter of the time, and so on.
pub struct Pool {
    /// The key in each place, and the number of writes to it.
    places: Vec<(u64, u64)>,
    next_key: u64,
    writes_max: u64,
}

impl Pool {
    /// Creates a pool.
    pub fn new(keys: u64, writes_max: u64) -> Pool {
        Pool {
            places: (0..keys).map(|key| (key, 0)).collect(),
            next_key: keys,
            writes_max,
        }
    }

    /// Draws a key to read.
    pub fn read(&mut self, dice: &mut Dice) -> u64 {
        self.places[dice.geometric(self.places.len() - 1)].0
    }

    /// Draws a key to write, with the value to write: 1, 2, 3, … per key.
    pub fn write(&mut self, dice: &mut Dice) -> (u64, u64) {
        let last = self.places.len() - 1;
        let (key, writes) = &mut self.places[dice.geometric(last)];
        if *writes == self.writes_max {
            (*key, *writes) = (self.next_key, 0);
            self.next_key += 1;
        }
        *writes += 1;
        (*key, *writes)
    }
}
