//! Central schedulers that may not interrupt a job: what is left of the ideal when a job that has begun
//! keeps its slot, as it does on the workers.
//!
//! They know each job's size as it arrives and the speed of each worker, have all slots of the cluster in
//! one pool, and need no time to move a job. A job begins on the fastest free slot, or waits for a busy
//! one on which it will have ended sooner. No order is best for the 99th percentile of the slowdown at
//! every load, so the least of three counts: first come, first served; shortest first; and by arrival
//! plus 32 times the work, with at most 40 % of the slots for jobs of more than ten units. The distance of
//! the least to the ideal is what interrupting is worth.

use super::pool::{Job, Pool, first};
use crate::history::quantile;

/// A long job has more units.
const LONG_UNITS: u64 = 10;

/// The share of slots for long jobs, where they are limited.
const LONG_SHARE: f64 = 0.4;

/// The multiple of a job's work by which its arrival is postponed in the order.
const AGEING: f64 = 32.0;

/// In which order jobs begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    FirstComeFirstServed,
    ShortestFirst,
    /// By arrival plus work, with a limit for long jobs.
    Aged,
}

impl Rule {
    fn key(self, job: Job) -> f64 {
        match self {
            Rule::FirstComeFirstServed => job.arrival,
            Rule::ShortestFirst => job.work,
            Rule::Aged => job.arrival + AGEING * job.work,
        }
    }

    fn long_slots(self, slots: usize) -> usize {
        match self {
            Rule::Aged => ((slots as f64 * LONG_SHARE).ceil() as usize).max(1),
            _ => slots,
        }
    }
}

/// A job that has begun.
struct Running {
    slot: usize,
    end: f64,
    is_long: bool,
}

/// Returns the 99th percentile of the slowdown under the best of the rules. The jobs are in the order of
/// their arrival.
pub(super) fn slowdown_p99(jobs: &[Job], pool: &Pool) -> Option<f64> {
    let rules = [Rule::FirstComeFirstServed, Rule::ShortestFirst, Rule::Aged];
    let p99 = |rule| {
        let mut slowdowns = simulate(jobs, pool.clone(), rule);
        slowdowns.sort_by(f64::total_cmp);
        quantile(&slowdowns, 0.99)
    };
    rules.into_iter().filter_map(p99).min_by(f64::total_cmp)
}

/// Runs the jobs. Returns their slowdowns in the order in which they begin.
fn simulate(jobs: &[Job], mut pool: Pool, rule: Rule) -> Vec<f64> {
    let mut slowdowns = Vec::with_capacity(jobs.len());
    let mut waiting = Waiting::default();
    let mut running: Vec<Running> = Vec::new();
    let mut next = 0;
    loop {
        let ends = running.iter().map(|run| Some(run.end));
        let arrival = jobs.get(next).map(|job| job.arrival);
        // Jobs may wait for a slow worker to recover.
        let change = pool.next_change().filter(|_| !waiting.is_empty());
        let Some(now) = first(ends.chain([arrival, change])) else {
            return slowdowns;
        };
        pool.pass(now);
        running.retain(|run| run.end > now);
        while let Some(&job) = jobs.get(next).filter(|job| job.arrival <= now) {
            waiting.insert(rule.key(job), job);
            next += 1;
        }
        loop {
            let long = running.iter().filter(|run| run.is_long).count();
            let may_be_long = long < rule.long_slots(pool.slots.len());
            let Some((job, is_long)) = waiting.first(may_be_long) else {
                break;
            };
            let Some((slot, end)) = place(job, now, &running, &pool) else {
                break;
            };
            waiting.remove_first(is_long);
            running.push(Running { slot, end, is_long });
            let service = job.work * pool.slots[slot].slowness;
            slowdowns.push((end - job.arrival) / service);
        }
    }
}

/// The free slot on which the job ends first, with that end. `None` if it ends sooner on a busy one,
/// or no slot is free.
fn place(job: Job, now: f64, running: &[Running], pool: &Pool) -> Option<(usize, f64)> {
    let mut free_at = vec![now; pool.slots.len()];
    for run in running {
        free_at[run.slot] = run.end;
    }
    let ends = free_at.iter().zip(&pool.slots).enumerate();
    let ends = ends.map(|(i, (at, slot))| (i, at + job.work * slot.slowness));
    let (slot, end) = ends.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
    (free_at[slot] <= now).then_some((slot, end))
}

/// The jobs that wait, long ones and short ones apart, each in the order of the rule: the first is the
/// last of its list.
#[derive(Default)]
struct Waiting {
    short: Vec<(f64, Job)>,
    long: Vec<(f64, Job)>,
}

impl Waiting {
    fn list(&mut self, is_long: bool) -> &mut Vec<(f64, Job)> {
        match is_long {
            true => &mut self.long,
            false => &mut self.short,
        }
    }

    fn is_empty(&self) -> bool {
        self.short.is_empty() && self.long.is_empty()
    }

    fn insert(&mut self, key: f64, job: Job) {
        let list = self.list(job.units > LONG_UNITS);
        let place = list.partition_point(|(other, _)| *other > key);
        list.insert(place, (key, job));
    }

    /// The job to begin next, and whether it is a long one.
    fn first(&self, may_be_long: bool) -> Option<(Job, bool)> {
        let short = self.short.last().map(|entry| (entry, false));
        let long = self.long.last().filter(|_| may_be_long);
        let long = long.map(|entry| (entry, true));
        let first = short.into_iter().chain(long);
        let first = first.min_by(|((a, _), _), ((b, _), _)| a.total_cmp(b));
        first.map(|((_, job), is_long)| (*job, is_long))
    }

    fn remove_first(&mut self, is_long: bool) {
        self.list(is_long).pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(arrival: f64, work: f64) -> Job {
        Job {
            arrival,
            work,
            units: if work > 50.0 { 11 } else { 1 },
        }
    }

    #[test]
    fn job_that_has_begun_keeps_its_slot() {
        let jobs = [job(0.0, 100.0), job(50.0, 10.0)];
        let slowdowns = simulate(&jobs, Pool::at_full_speed(1), Rule::ShortestFirst);
        assert_eq!(slowdowns, [1.0, 6.0]);
    }

    #[test]
    fn shortest_job_begins_first() {
        let jobs = [job(0.0, 10.0), job(1.0, 40.0), job(2.0, 20.0)];
        let run = |rule| simulate(&jobs, Pool::at_full_speed(1), rule);
        assert_eq!(run(Rule::ShortestFirst), [1.0, 28.0 / 20.0, 69.0 / 40.0]);
        let slowdowns = run(Rule::FirstComeFirstServed);
        assert_eq!(slowdowns, [1.0, 49.0 / 40.0, 68.0 / 20.0]);
    }

    #[test]
    fn long_jobs_leave_slots_to_short_ones() {
        let jobs = [job(0.0, 100.0), job(0.0, 100.0), job(10.0, 10.0)];
        // One of two slots may be held by a long job, so the second waits.
        let slowdowns = simulate(&jobs, Pool::at_full_speed(2), Rule::Aged);
        assert_eq!(slowdowns, [1.0, 1.0, 2.0]);
    }

    #[test]
    fn job_waits_for_a_fast_slot_if_it_ends_sooner_there() {
        let pool = Pool::at_full_speed(2).with_change(0.0, 5.0);
        let jobs = [job(0.0, 20.0), job(0.0, 10.0)];
        // On the slow slot the second job would take 50 s.
        let slowdowns = simulate(&jobs, pool.clone(), Rule::FirstComeFirstServed);
        assert_eq!(slowdowns, [1.0, 3.0]);
        // On the slow slot it takes 5 s, so it does not wait for 20 s.
        let jobs = [job(0.0, 20.0), job(0.0, 1.0)];
        let slowdowns = simulate(&jobs, pool, Rule::FirstComeFirstServed);
        assert_eq!(slowdowns, [1.0, 1.0]);
    }
}
