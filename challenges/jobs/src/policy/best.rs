//! `best`: jobs wait at their entry, the short ones first, until a slot is free.
//!
//! - *Late binding*: a job that waits is bound to no worker, so no slot idles while jobs queue
//!   elsewhere. A job leaves when a slot will be free as it arrives: sizes are known, so the node knows
//!   when each slot ends. This is the idea of join-idle-queue, with the moment known in advance.
//! - *Short first, with ageing*: jobs are ordered by arrival plus [`SLOWDOWN_LIMIT`] times their work.
//! - *Room for short jobs*: a job cannot be interrupted, so long ones may not fill all slots.
//! - *One place to wait*: a node that has no free slot passes its jobs to the node that places the
//!   most, whose knowledge is freshest. That node is not elected: it is the one that clients use most.

use std::time::Duration;

use glomers::Random;
use tokio::time::Instant;

use super::{ARRIVE_EARLY, Choice, Job, Policy, Situation};
use crate::message::Mode;

/// A waiting job is due at this multiple of its work after its arrival. Measured at 70 and 90 % load:
/// at 4, long jobs delay short ones as soon as work comes faster than it is done; without a limit it is
/// shortest job first, and long jobs starve for as long as that lasts.
const SLOWDOWN_LIMIT: u32 = 32;

/// Jobs of more units are long: about one in forty, with a quarter of the work.
const LONG_UNITS: u64 = 10;

/// The share of slots that long jobs may occupy. With more, short jobs find all slots busy; with less
/// than the share of work that long jobs are, these never catch up.
const LONG_SHARE: f64 = 0.4;

/// Orders jobs by their due times and sends each when a slot is free.
pub struct Best;

impl Policy for Best {
    fn place(&mut self, job: &Job, situation: &Situation<'_>, _: &mut Random<'_>) -> Choice {
        let Situation {
            now, me, workers, ..
        } = *situation;
        let end = |worker: &&super::Candidate| {
            let end = worker.start(now) + worker.service_time(job.units) + worker.one_way;
            (end, worker.position != me)
        };
        let worker = workers.iter().min_by_key(end).expect("there is a worker");
        let is_free = worker.start(now) <= now + worker.one_way + ARRIVE_EARLY;
        let is_local = is_free && worker.position == me;
        match situation.dispatcher {
            Some(dispatcher) if !job.is_passed && !is_local => Choice::Pass(dispatcher),
            _ if job.units > LONG_UNITS && !has_room_for_long(situation) => Choice::Wait,
            _ if is_free => Choice::Run(worker.position),
            _ => Choice::Later(worker.position),
        }
    }

    fn due(&self, job: &Job) -> Instant {
        // The speed of workers does not matter for the order; 5 ms per unit is the bench's default.
        let work = Duration::from_millis(5 * job.units);
        job.arrived_at + work * SLOWDOWN_LIMIT
    }

    fn mode(&self) -> Mode {
        Mode::IfFree
    }
}

/// Whether fewer slots than the share of long jobs are busy for as long as a long job at least.
fn has_room_for_long(situation: &Situation<'_>) -> bool {
    let slots: usize = situation.workers.iter().map(|w| w.free_at.len()).sum();
    let busy = situation.workers.iter().map(|worker| {
        let soon = situation.now + worker.service_time(LONG_UNITS);
        worker.free_at.iter().filter(|&&free| free > soon).count()
    });
    (busy.sum::<usize>() as f64) < (slots as f64 * LONG_SHARE).max(1.0)
}
