//! The ideal scheduler, to which every policy has a distance.
//!
//! It knows the size of each job as it arrives and the speed of each worker, has all slots of the
//! cluster in one pool, needs no time to move a job, and may interrupt and resume it: in every moment it
//! runs the jobs that have the least work left, the shortest on the fastest slot (shortest remaining
//! processing time, SRPT; Schrage 1968). On one server SRPT has the least mean response time of all
//! schedulers. No policy of the nodes can do as much: they must place a job before they know what comes,
//! cannot interrupt it, and need messages for everything. So its slowdowns are a bound in practice,
//! though not a theorem for each percentile.

use super::pool::{Job, Pool, first};

/// Less work is none: what is left after sums of floats.
const NO_WORK: f64 = 1e-9;

/// A job that has not ended.
struct Active {
    job: usize,
    /// The work that is left.
    left: f64,
}

/// Returns the slowdown of each job, sorted. The jobs are in the order of their arrival.
pub(super) fn slowdowns(jobs: &[Job], pool: Pool) -> Vec<f64> {
    let mut slowdowns = simulate(jobs, pool);
    slowdowns.sort_by(f64::total_cmp);
    slowdowns
}

/// Runs the jobs. Returns their slowdowns in the order in which they end: like those of the nodes,
/// as multiples of the service time at the speed that the job's slot had when it began.
fn simulate(jobs: &[Job], mut pool: Pool) -> Vec<f64> {
    // By the work left. Those that run are the first.
    let mut active: Vec<Active> = Vec::new();
    let mut began_at_slowness: Vec<Option<f64>> = vec![None; jobs.len()];
    let mut slowdowns = Vec::with_capacity(jobs.len());
    let (mut now, mut next) = (0.0, 0);
    loop {
        pool.slots.sort_by(|a, b| a.slowness.total_cmp(&b.slowness));
        for (run, slot) in active.iter().zip(&pool.slots) {
            began_at_slowness[run.job].get_or_insert(slot.slowness);
        }
        let running = active.iter().zip(&pool.slots);
        let end = running.map(|(run, slot)| Some(now + run.left * slot.slowness));
        let arrival = jobs.get(next).map(|job| job.arrival);
        let Some(event) = first(end.chain([arrival])) else {
            return slowdowns;
        };
        let event = first([Some(event), pool.next_change()]).expect("there is an event");
        for (run, slot) in active.iter_mut().zip(&pool.slots) {
            run.left -= (event - now) / slot.slowness;
        }
        now = event;
        pool.pass(now);
        active.retain(|run| {
            let has_ended = run.left <= NO_WORK;
            if has_ended {
                let Job { arrival, work, .. } = jobs[run.job];
                let slowness = began_at_slowness[run.job].unwrap_or(1.0);
                let slowdown = (now - arrival) / (work * slowness);
                slowdowns.push(slowdown.max(1.0));
            }
            !has_ended
        });
        // Slots of different speeds change the order of the jobs that run.
        active.sort_by(|a, b| a.left.total_cmp(&b.left));
        while let Some(job) = jobs.get(next).filter(|job| job.arrival <= now) {
            let shorter = active.partition_point(|other| other.left <= job.work);
            let left = job.work;
            active.insert(shorter, Active { job: next, left });
            next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs<const N: usize>(jobs: [(f64, f64); N]) -> [Job; N] {
        jobs.map(|(arrival, work)| Job {
            arrival,
            work,
            units: 1,
        })
    }

    #[test]
    fn jobs_that_find_a_free_slot_are_not_slowed_down() {
        let jobs = jobs([(0.0, 10.0), (5.0, 10.0), (20.0, 10.0)]);
        assert_eq!(simulate(&jobs, Pool::at_full_speed(2)), [1.0, 1.0, 1.0]);
    }

    #[test]
    fn short_job_interrupts_a_long_one() {
        // The long job waits for the short one: 110 instead of 100.
        let jobs = jobs([(0.0, 100.0), (50.0, 10.0)]);
        assert_eq!(simulate(&jobs, Pool::at_full_speed(1)), [1.0, 1.1]);
    }

    #[test]
    fn jobs_that_wait_run_in_the_order_of_what_is_left() {
        let jobs = jobs([(0.0, 10.0), (1.0, 30.0), (2.0, 20.0)]);
        let slowdowns = simulate(&jobs, Pool::at_full_speed(1));
        assert_eq!(slowdowns, [1.0, 28.0 / 20.0, 59.0 / 30.0]);
    }

    #[test]
    fn slow_slot_takes_the_job_that_has_most_left() {
        let pool = Pool::at_full_speed(2)
            .with_change(0.0, 5.0)
            .with_change(10.0, 1.0);
        let jobs = jobs([(0.0, 20.0), (0.0, 10.0)]);
        // The long job ends after 28 s, sooner than the 100 s that it takes on the slot where it began.
        assert_eq!(simulate(&jobs, pool), [1.0, 1.0]);
    }
}
