//! `random`: any worker.
//!
//! It needs no state, and balances well where jobs are many, short and alike. It ignores both the
//! load and the capacity of workers: a worker with fewer slots than its share is overloaded for good.

use glomers::Random;

use super::{Choice, Job, Policy, Situation};

/// Chooses any worker, each with the same probability.
pub struct Uniform;

impl Policy for Uniform {
    fn place(&mut self, _: &Job, situation: &Situation<'_>, rng: &mut Random<'_>) -> Choice {
        situation.least(rng, |_| ())
    }
}
