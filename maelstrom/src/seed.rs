//! One seed, and everything drawn from it.
//!
//! A run has one [`Seed`]. Each part that needs randomness asks for a stream by name, so that a
//! draw more in one part (a latency, say) does not shift the draws of another.

use std::fmt;

use rand::{Rng, SeedableRng};
pub use rand_chacha::ChaCha8Rng;

/// The number that decides every draw of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed(pub u64);

impl Seed {
    /// A seed from the operating system, for runs that name none.
    pub fn from_entropy() -> Seed {
        // Short enough to type again.
        Seed(u64::from(rand::make_rng::<ChaCha8Rng>().next_u32()))
    }

    /// The generator of this run for the part called `name`. Equal names give equal streams.
    pub fn stream(self, name: &str) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.derive(name).0)
    }

    /// A seed of its own for the part called `name`.
    pub fn derive(self, name: &str) -> Seed {
        // FNV-1a: stable across releases of the standard library, which its own hasher is not.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64 ^ self.0, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Seed(hash)
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
