//! The cluster's slots in one pool, with the speeds that they have over time, and the jobs that arrive:
//! what the schedulers without messages work with.
//!
//! All times are in seconds since the beginning of the run, and work is the time that it takes at full
//! speed.

use std::collections::BTreeMap;

use super::super::arrivals::Capacity;
use super::evidence::{Faults, Record};

/// A job that arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub arrival: f64,
    pub work: f64,
    pub units: u64,
}

/// A slot of a worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    worker: usize,
    /// How many times longer than at full speed work takes.
    pub slowness: f64,
}

/// A worker gets another speed.
#[derive(Clone, Copy, Debug)]
struct Change {
    at: f64,
    worker: usize,
    slowness: f64,
}

/// Slots, and how their speeds change. Both schedulers know no other faults.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub slots: Vec<Slot>,
    /// In reverse order: the last is the next.
    changes: Vec<Change>,
}

impl Pool {
    pub fn new(capacities: &BTreeMap<String, Capacity>, faults: &Faults<'_>) -> Pool {
        let slots = capacities.values().enumerate();
        let slots = slots.flat_map(|(worker, capacity)| {
            let slot = Slot {
                worker,
                slowness: 1.0,
            };
            (0..capacity.slots).map(move |_| slot)
        });
        let changes = faults.speeds().filter_map(|(at, node, slowness)| {
            let worker = capacities.keys().position(|name| name == node)?;
            Some(Change {
                at: at.as_secs_f64(),
                worker,
                slowness,
            })
        });
        let mut changes: Vec<Change> = changes.collect();
        changes.sort_by(|a, b| b.at.total_cmp(&a.at));
        Pool {
            slots: slots.collect(),
            changes,
        }
    }

    /// When a speed changes next.
    pub fn next_change(&self) -> Option<f64> {
        self.changes.last().map(|change| change.at)
    }

    /// Makes the changes that are due.
    pub fn pass(&mut self, now: f64) {
        while let Some(change) = self.changes.pop_if(|change| change.at <= now) {
            let changed = self.slots.iter_mut();
            let changed = changed.filter(|slot| slot.worker == change.worker);
            changed.for_each(|slot| slot.slowness = change.slowness);
        }
    }

    #[cfg(test)]
    pub fn at_full_speed(slots: usize) -> Pool {
        let slot = |worker| Slot {
            worker,
            slowness: 1.0,
        };
        Pool {
            slots: (0..slots).map(slot).collect(),
            changes: Vec::new(),
        }
    }

    /// The first slot gets this slowness at this time, after all earlier changes.
    #[cfg(test)]
    pub fn with_change(mut self, at: f64, slowness: f64) -> Pool {
        let change = Change {
            at,
            worker: 0,
            slowness,
        };
        self.changes.insert(0, change);
        self
    }
}

/// The jobs in the order of their arrival. A job's work does not depend on its worker, as all take the
/// same time for a unit.
pub(super) fn arrivals(record: &Record<'_>, capacities: &BTreeMap<String, Capacity>) -> Vec<Job> {
    let capacity = capacities.values().next();
    let jobs = record.jobs.values().filter_map(|job| {
        Some(Job {
            arrival: job.invocation.time.as_secs_f64(),
            work: capacity?.service_time(job.units).as_secs_f64(),
            units: job.units,
        })
    });
    let mut jobs: Vec<Job> = jobs.collect();
    jobs.sort_by(|a, b| {
        (a.arrival, a.work)
            .partial_cmp(&(b.arrival, b.work))
            .expect("finite")
    });
    jobs
}

/// The first of the events, if there is any.
pub(super) fn first(events: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    events.into_iter().flatten().min_by(f64::total_cmp)
}
