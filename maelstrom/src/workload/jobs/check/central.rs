//! Central schedulers that may not interrupt a job: what is left of the ideal when a job that has begun
//! keeps its slot, as it does on the workers.
//!
//! They know each job's size as it arrives, have all slots of the cluster in one pool, and need no time
//! to move a job; all that the nodes lack is knowledge and speed, not freedom. No rule is best for the
//! 99th percentile of the slowdown at every load, so the least of three counts: first come, first
//! served; shortest first; and the order by arrival plus 32 times the work, with at most 40 % of the slots
//! for jobs of more than ten units. The distance of the least to the ideal is what interrupting is worth.

use std::collections::BTreeMap;

use super::super::arrivals::Capacity;
use super::evidence::Record;
use crate::history::quantile;

/// A long job has more units.
const LONG_UNITS: u64 = 10;

/// The share of slots for long jobs, where they are limited.
const LONG_SHARE: f64 = 0.4;

/// The multiple of a job's work by which its arrival is postponed in the order.
const AGEING: u128 = 32;

/// In which order jobs begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    FirstComeFirstServed,
    ShortestFirst,
    /// By arrival plus work, with a limit for long jobs.
    Aged,
}

/// A job; times in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Job {
    arrival: u128,
    service: u128,
    is_long: bool,
}

impl Rule {
    fn key(self, job: Job) -> u128 {
        match self {
            Rule::FirstComeFirstServed => job.arrival,
            Rule::ShortestFirst => job.service,
            Rule::Aged => job.arrival + AGEING * job.service,
        }
    }

    fn long_slots(self, slots: usize) -> usize {
        match self {
            Rule::Aged => ((slots as f64 * LONG_SHARE).ceil() as usize).max(1),
            _ => slots,
        }
    }
}

/// Returns the 99th percentile of the slowdown under the best of the rules.
pub(super) fn slowdown_p99(
    record: &Record<'_>,
    capacities: &BTreeMap<String, Capacity>,
) -> Option<f64> {
    let slots: u64 = capacities.values().map(|capacity| capacity.slots).sum();
    let capacity = capacities.values().next()?;
    let jobs = record.jobs.values().map(|job| Job {
        arrival: job.invocation.time.as_nanos(),
        service: capacity.service_time(job.units).as_nanos(),
        is_long: job.units > LONG_UNITS,
    });
    let mut jobs: Vec<Job> = jobs.collect();
    jobs.sort_unstable_by_key(|job| (job.arrival, job.service));
    let rules = [Rule::FirstComeFirstServed, Rule::ShortestFirst, Rule::Aged];
    let p99 = |rule| {
        let mut slowdowns = simulate(&jobs, slots as usize, rule);
        slowdowns.sort_by(f64::total_cmp);
        quantile(&slowdowns, 0.99)
    };
    rules.into_iter().filter_map(p99).min_by(f64::total_cmp)
}

/// Runs the jobs, which are in the order of their arrival. Returns their slowdowns.
fn simulate(jobs: &[Job], slots: usize, rule: Rule) -> Vec<f64> {
    let mut slowdowns = Vec::with_capacity(jobs.len());
    // Waiting jobs by key, short and long ones apart; running jobs by their ends.
    let mut waiting = [BTreeMap::new(), BTreeMap::new()];
    let mut running: BTreeMap<(u128, usize), bool> = BTreeMap::new();
    let mut long_running = 0;
    let mut next = 0;
    loop {
        let arrival = jobs.get(next).map(|job| job.arrival);
        let end = running.first_key_value().map(|(&(end, _), _)| end);
        let now = match (end, arrival) {
            (None, None) => return slowdowns,
            (Some(end), arrival) if arrival.is_none_or(|at| end <= at) => {
                let (_, was_long) = running.pop_first().expect("a job ends");
                long_running -= usize::from(was_long);
                end
            }
            (_, Some(at)) => {
                let job = jobs[next];
                waiting[usize::from(job.is_long)].insert((rule.key(job), next), job);
                next += 1;
                at
            }
            (Some(_), None) => unreachable!("the end of a job comes before no arrival"),
        };
        while running.len() < slots {
            let may_be_long = long_running < rule.long_slots(slots);
            let kinds = waiting.iter().take(1 + usize::from(may_be_long));
            let first = kinds
                .filter_map(|jobs| jobs.first_key_value())
                .min_by_key(|(key, _)| **key);
            let Some((&key, &job)) = first else {
                break;
            };
            waiting[usize::from(job.is_long)].remove(&key);
            long_running += usize::from(job.is_long);
            let end = now + job.service;
            running.insert((end, key.1), job.is_long);
            slowdowns.push((end - job.arrival) as f64 / job.service as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(arrival: u128, service: u128) -> Job {
        Job {
            arrival,
            service,
            is_long: service > 50,
        }
    }

    #[test]
    fn job_that_has_begun_keeps_its_slot() {
        let jobs = [job(0, 100), job(50, 10)];
        assert_eq!(simulate(&jobs, 1, Rule::ShortestFirst), [1.0, 6.0]);
    }

    #[test]
    fn shortest_job_begins_first() {
        let jobs = [job(0, 10), job(1, 40), job(2, 20)];
        let slowdowns = simulate(&jobs, 1, Rule::ShortestFirst);
        assert_eq!(slowdowns, [1.0, 28.0 / 20.0, 69.0 / 40.0]);
        let slowdowns = simulate(&jobs, 1, Rule::FirstComeFirstServed);
        assert_eq!(slowdowns, [1.0, 49.0 / 40.0, 68.0 / 20.0]);
    }

    #[test]
    fn long_jobs_leave_slots_to_short_ones() {
        let jobs = [job(0, 100), job(0, 100), job(10, 10)];
        // One of two slots may be held by a long job, so the second waits.
        assert_eq!(simulate(&jobs, 2, Rule::Aged), [1.0, 1.0, 2.0]);
    }
}
