//! `two-choices`: the less loaded of two random workers.
//!
//! With *n* queues the longest grows as log log *n*, against log *n* / log log *n* for one random
//! choice (Mitzenmacher). It works with old information, because nodes that know the same do not all
//! choose the same worker. Load is jobs per slot by the worker's latest report.

use glomers::Random;
use glomers::prelude::*;

use super::{Choice, Job, Policy, Situation};

/// Draws two workers and chooses the one with fewer jobs per slot.
pub struct TwoChoices;

impl Policy for TwoChoices {
    fn place(&mut self, _: &Job, situation: &Situation<'_>, rng: &mut Random<'_>) -> Choice {
        let count = situation.workers.len();
        let [a, b] = [(); 2].map(|()| &situation.workers[rng.random_range(0..count)]);
        // a.jobs / a.slots <= b.jobs / b.slots, without division.
        match a.jobs * b.capacity.slots <= b.jobs * a.capacity.slots {
            true => Choice::Run(a.position),
            false => Choice::Run(b.position),
        }
    }
}
