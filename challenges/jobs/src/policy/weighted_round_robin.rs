//! `weighted-round-robin`: one worker after the other, in proportion to their slots.
//!
//! The smooth variant of nginx: every worker earns its weight in each step, the richest one is chosen
//! and pays the sum. So the jobs of a large worker are spread out and do not come in a row. It knows
//! what workers can do when all is well, and neither their queues nor that one has become slow.

use std::collections::BTreeMap;

use glomers::Random;

use super::{Choice, Job, Policy, Situation};

/// Chooses workers in turn, as often as they have slots.
#[derive(Default)]
pub struct WeightedRoundRobin {
    /// What each worker has earned and not yet paid.
    credit: BTreeMap<usize, i64>,
}

impl Policy for WeightedRoundRobin {
    fn place(&mut self, _: &Job, situation: &Situation<'_>, _: &mut Random<'_>) -> Choice {
        let mut sum = 0;
        let mut richest = (i64::MIN, 0);
        for worker in situation.workers {
            let weight = worker.capacity.slots as i64;
            let credit = self.credit.entry(worker.position).or_default();
            *credit += weight;
            sum += weight;
            if *credit > richest.0 {
                richest = (*credit, worker.position);
            }
        }
        *self.credit.entry(richest.1).or_default() -= sum;
        Choice::Run(richest.1)
    }
}
