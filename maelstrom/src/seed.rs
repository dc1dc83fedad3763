//! The seed of a run, and the random streams derived from it.
//!
//! A run has one [`Seed`]. Each part that needs randomness has its own stream, by name, so that an
//! additional draw in one part, such as a latency, does not change the draws of another.

use std::fmt;

use glomers::stable_hash_with;
use rand::{Rng, SeedableRng};
pub use rand_chacha::ChaCha8Rng;

/// The number that determines every draw of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed(pub u64);

impl Seed {
    /// Draws a seed from the operating system, for runs without one.
    pub fn from_entropy() -> Seed {
        // 32 bits, which are short enough to type.
        Seed(u64::from(rand::make_rng::<ChaCha8Rng>().next_u32()))
    }

    /// Returns the random stream of the part called `name`. Equal names give equal streams.
    pub fn stream(self, name: &str) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.derive(name).0)
    }

    /// Returns the seed of the part called `name`.
    pub fn derive(self, name: &str) -> Seed {
        Seed(stable_hash_with(self.0, name.as_bytes()))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl From<u64> for Seed {
    fn from(seed: u64) -> Seed {
        Seed(seed)
    }
}
