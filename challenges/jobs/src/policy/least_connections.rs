//! `least-connections`: the worker with the fewest unanswered jobs of this node.
//!
//! The count includes what waits, so a worker that is slow or has long jobs gets fewer new ones. But
//! a count is not work, a node counts only its own jobs, and it takes small workers for equal to large
//! ones.

use glomers::Random;

use super::{Choice, Job, Policy, Situation};

/// Chooses the worker with the fewest jobs that this node sent and that were not answered.
pub struct LeastConnections;

impl Policy for LeastConnections {
    fn place(&mut self, _: &Job, situation: &Situation<'_>, rng: &mut Random<'_>) -> Choice {
        situation.least(rng, |worker| worker.outstanding)
    }
}
