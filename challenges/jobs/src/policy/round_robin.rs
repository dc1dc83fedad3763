//! `round-robin`: one worker after the other.
//!
//! It spreads the *number* of jobs evenly, which is enough if jobs and workers are alike. Every node
//! counts on its own, and neither sizes nor capacities matter.

use glomers::Random;

use super::{Choice, Job, Policy, Situation};

/// Chooses the next worker in the order of nodes.
#[derive(Default)]
pub struct RoundRobin {
    last: Option<usize>,
}

impl Policy for RoundRobin {
    fn place(&mut self, _: &Job, situation: &Situation<'_>, _: &mut Random<'_>) -> Choice {
        let mut workers = situation.workers.iter().map(|worker| worker.position);
        let first = workers.clone().next().expect("there is a worker");
        let next = workers.find(|&worker| Some(worker) > self.last);
        self.last = Some(next.unwrap_or(first));
        Choice::Run(next.unwrap_or(first))
    }
}
