//! `least-response-time`: the worker that answered fastest of late.
//!
//! The cost of a worker is the peak EWMA of its response times, as in Finagle and Linkerd, times the
//! jobs that it would then have to answer. A slow answer counts at once and is forgotten slowly. Where
//! sizes differ by a factor of 100, one long job makes its worker look slow.

use glomers::Random;

use super::{Choice, Job, Policy, Situation};

/// Chooses the worker with the least product of response time and unanswered jobs.
pub struct LeastResponseTime;

impl Policy for LeastResponseTime {
    fn place(&mut self, _: &Job, situation: &Situation<'_>, rng: &mut Random<'_>) -> Choice {
        situation.least(rng, |worker| {
            worker.response.as_micros() * (worker.outstanding as u128 + 1)
        })
    }
}
