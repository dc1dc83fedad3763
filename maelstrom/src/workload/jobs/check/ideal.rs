//! The ideal scheduler, to which every policy has a distance.
//!
//! It knows the size of each job as it arrives, has all slots of the cluster in one pool, needs no
//! time to move a job, and may interrupt and resume it: in every moment it runs the jobs that have the
//! least work left (shortest remaining processing time, SRPT; Schrage 1968). On one server SRPT has
//! the least mean response time of all schedulers. No policy of the nodes can do as much: they must
//! place a job before they know what comes, cannot interrupt it, and need messages for everything. So
//! its slowdowns are a bound in practice, though not a theorem for each percentile.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::super::arrivals::Capacity;
use super::evidence::Record;

/// The slowdown that each job has under the ideal scheduler, sorted.
pub(super) fn slowdowns(record: &Record<'_>, capacities: &BTreeMap<String, Capacity>) -> Vec<f64> {
    let slots: u64 = capacities.values().map(|capacity| capacity.slots).sum();
    let Some(capacity) = capacities.values().next() else {
        return Vec::new();
    };
    let mut arrivals: Vec<(u128, u128)> = record
        .jobs
        .values()
        .map(|job| {
            let service = capacity.service_time(job.units).as_nanos();
            (job.invocation.time.as_nanos(), service)
        })
        .collect();
    arrivals.sort_unstable();
    let mut slowdowns = simulate(&arrivals, slots as usize);
    slowdowns.sort_by(f64::total_cmp);
    slowdowns
}

/// Runs the jobs, given as arrival and service time in nanoseconds and in the order of arrival.
fn simulate(arrivals: &[(u128, u128)], slots: usize) -> Vec<f64> {
    // What is left of each job; of the jobs that run, as of `now`.
    let mut running: BinaryHeap<Reverse<(u128, usize)>> = BinaryHeap::new();
    let mut waiting: BinaryHeap<Reverse<(u128, usize)>> = BinaryHeap::new();
    let mut slowdowns = Vec::with_capacity(arrivals.len());
    let mut next = 0;
    let mut now = 0;
    // What runs is kept with the moment at which it ends, so that time can pass at no cost.
    loop {
        let end = running.peek().map(|Reverse((end, _))| *end);
        let arrival = arrivals.get(next).map(|(at, _)| *at);
        match (end, arrival) {
            (None, None) => return slowdowns,
            (Some(end), arrival) if arrival.is_none_or(|at| end <= at) => {
                now = end;
                let Reverse((_, job)) = running.pop().expect("a job ends");
                let (at, service) = arrivals[job];
                slowdowns.push((now - at) as f64 / service as f64);
                if let Some(Reverse((left, job))) = waiting.pop() {
                    running.push(Reverse((now + left, job)));
                }
            }
            (_, Some(at)) => {
                now = at.max(now);
                place(
                    next,
                    arrivals[next].1,
                    now,
                    slots,
                    &mut running,
                    &mut waiting,
                );
                next += 1;
            }
            (Some(_), None) => unreachable!("the end of a job comes before no arrival"),
        }
    }
}

/// Lets a job run, if a slot is free or a running job has more left; that one waits then.
fn place(
    job: usize,
    service: u128,
    now: u128,
    slots: usize,
    running: &mut BinaryHeap<Reverse<(u128, usize)>>,
    waiting: &mut BinaryHeap<Reverse<(u128, usize)>>,
) {
    if running.len() < slots {
        running.push(Reverse((now + service, job)));
        return;
    }
    let longest = running.iter().map(|Reverse(run)| *run).max();
    match longest.filter(|(end, _)| *end > now + service) {
        Some(longest) => {
            running.retain(|Reverse(run)| *run != longest);
            running.push(Reverse((now + service, job)));
            waiting.push(Reverse((longest.0 - now, longest.1)));
        }
        None => waiting.push(Reverse((service, job))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_that_find_a_free_slot_are_not_slowed_down() {
        assert_eq!(simulate(&[(0, 10), (5, 10), (20, 10)], 2), [1.0, 1.0, 1.0]);
    }

    #[test]
    fn short_job_interrupts_a_long_one() {
        // The long job waits for the short one: 110 instead of 100.
        assert_eq!(simulate(&[(0, 100), (50, 10)], 1), [1.0, 1.1]);
    }

    #[test]
    fn jobs_that_wait_run_in_the_order_of_what_is_left() {
        let slowdowns = simulate(&[(0, 10), (1, 30), (2, 20)], 1);
        assert_eq!(slowdowns, [1.0, 28.0 / 20.0, 59.0 / 30.0]);
    }
}
