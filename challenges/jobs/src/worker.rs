//! The worker: slots, a queue, and a record of what has run.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::message::{Attempt, Capacity, JobId, Mode};

/// A job that must not be queued is accepted if a slot is free within this time: its sender knows when
/// slots end only to the millisecond.
const ARRIVAL_TOLERANCE: Duration = Duration::from_millis(2);

/// A slot whose timer is later than this counts as free only from this long ago: the process may have
/// been stopped.
const TIMER_DELAY_MAX: Duration = Duration::from_millis(2);

/// The place of a job that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It has run.
    Ran,
    /// It runs, or is queued, and probably ends then.
    Held(Instant),
    /// It is not here.
    Absent,
}

/// The reason not to take a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No slot is free.
    Busy,
    /// The attempt was ended by the node that made it.
    Withdrawn,
}

/// The slots of a node.
#[derive(Default)]
pub struct Worker {
    capacity: Cell<Option<Capacity>>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// When each job ends.
    running: BTreeMap<JobId, Instant>,
    queue: VecDeque<Queued>,
    /// When each free slot became free; one that never ran a job is not listed.
    freed: VecDeque<Instant>,
    /// Resolved when the job has run; dropped if it is withdrawn.
    waiters: BTreeMap<JobId, Vec<oneshot::Sender<()>>>,
    ran: BTreeMap<JobId, u64>,
    /// Attempts that must not begin any more, and all before them.
    ended: BTreeMap<JobId, Attempt>,
}

/// A job that waits for a slot.
struct Queued {
    job: JobId,
    units: u64,
    at: Instant,
}

impl Worker {
    /// The capacity, once the bench has set it.
    pub fn capacity(&self) -> Option<Capacity> {
        self.capacity.get()
    }

    /// Sets the capacity. Jobs that run keep the speed at which they began.
    pub fn set_capacity(&self, capacity: Capacity) {
        self.capacity.set(Some(capacity));
    }

    /// Every job that has run, and how often.
    pub fn executed(&self) -> Vec<(JobId, u64)> {
        let state = self.state.borrow();
        let ran = state.ran.iter();
        ran.map(|(job, count)| (job.clone(), *count)).collect()
    }

    /// Number of jobs that run or are queued.
    pub fn jobs(&self) -> usize {
        let state = self.state.borrow();
        state.running.len() + state.queue.len()
    }

    /// When each slot is free, in ascending order, with queued jobs placed.
    pub fn free_at(&self, now: Instant) -> Vec<Instant> {
        let Some(capacity) = self.capacity.get() else {
            return Vec::new();
        };
        let state = self.state.borrow();
        let mut free_at: Vec<Instant> = state.running.values().copied().collect();
        free_at.resize(free_at.len().max(capacity.slots), now);
        free_at.sort_unstable();
        // With fewer slots than running jobs, the first to end free no slot.
        free_at.drain(..free_at.len() - capacity.slots);
        for queued in &state.queue {
            free_at[0] = free_at[0].max(now) + service_time(capacity, queued.units);
            free_at.sort_unstable();
        }
        free_at
    }

    /// Takes a job. The receiver resolves when it has run, and fails if it is withdrawn. A job that is
    /// here already, or has run, is not taken twice.
    ///
    /// # Errors
    ///
    /// The job does not run.
    pub fn take(
        &self,
        job: &JobId,
        units: u64,
        attempt: Attempt,
        mode: Mode,
    ) -> Result<oneshot::Receiver<()>, Refusal> {
        let (done, receiver) = oneshot::channel();
        let now = Instant::now();
        match self.place(job) {
            Place::Ran => {
                // The receiver is at hand, so sending cannot fail.
                let _ = done.send(());
                return Ok(receiver);
            }
            Place::Held(_) => {}
            Place::Absent if self.has_ended(job, attempt) => return Err(Refusal::Withdrawn),
            Place::Absent => {
                let free_at = self.free_at(now).first().copied();
                let is_free = free_at.is_some_and(|free| free <= now + ARRIVAL_TOLERANCE);
                if mode == Mode::IfFree && !is_free {
                    return Err(Refusal::Busy);
                }
                let queue = &mut self.state.borrow_mut().queue;
                queue.push_back(Queued {
                    job: job.clone(),
                    units,
                    at: now,
                });
            }
        }
        let waiters = &mut self.state.borrow_mut().waiters;
        waiters.entry(job.clone()).or_default().push(done);
        Ok(receiver)
    }

    /// Whether this attempt must not begin.
    pub fn has_ended(&self, job: &JobId, attempt: Attempt) -> bool {
        let state = self.state.borrow();
        state.ended.get(job).is_some_and(|ended| attempt <= *ended)
    }

    /// Begins the next queued job if a slot is free. Returns it with the time at which it ends; the
    /// caller then calls [`end`](Self::end).
    pub fn begin(&self, now: Instant) -> Option<(JobId, Instant)> {
        let capacity = self.capacity.get()?;
        let state = &mut *self.state.borrow_mut();
        if state.running.len() >= capacity.slots {
            return None;
        }
        let Queued { job, units, at } = state.queue.pop_front()?;
        // Timers are late, by 1 ms in tokio: a slot is free from the time at which its job was to end.
        let freed = state.freed.pop_front().unwrap_or(now);
        let earliest = now.checked_sub(TIMER_DELAY_MAX).unwrap_or(now);
        let begin = freed.max(at).max(earliest).min(now);
        let end = begin + service_time(capacity, units);
        state.running.insert(job.clone(), end);
        Some((job, end))
    }

    /// Ends a job, records it, and answers those that wait for it.
    pub fn end(&self, job: &JobId) {
        let state = &mut *self.state.borrow_mut();
        state.freed.extend(state.running.remove(job));
        *state.ran.entry(job.clone()).or_default() += 1;
        for done in state.waiters.remove(job).into_iter().flatten() {
            // A waiter that has given up does not matter.
            let _ = done.send(());
        }
    }

    /// Where a job is.
    pub fn place(&self, job: &JobId) -> Place {
        let state = self.state.borrow();
        if state.ran.contains_key(job) {
            return Place::Ran;
        }
        if let Some(&end) = state.running.get(job) {
            return Place::Held(end);
        }
        if !state.queue.iter().any(|queued| queued.job == *job) {
            return Place::Absent;
        }
        drop(state);
        // At the latest when all slots are free.
        let now = Instant::now();
        Place::Held(self.free_at(now).last().copied().unwrap_or(now))
    }

    /// Removes a job from the queue, if it has not begun.
    pub fn withdraw(&self, job: &JobId) {
        let state = &mut *self.state.borrow_mut();
        let is_queued = state.queue.iter().any(|queued| queued.job == *job);
        if is_queued {
            state.queue.retain(|queued| queued.job != *job);
            state.waiters.remove(job);
        }
    }

    /// Ends an attempt and all before it: none of them begins here from now on.
    pub fn end_attempt(&self, job: &JobId, attempt: Attempt) {
        let ended = &mut self.state.borrow_mut().ended;
        let latest = ended.entry(job.clone()).or_insert(attempt);
        *latest = attempt.max(*latest);
    }
}

fn service_time(capacity: Capacity, units: u64) -> Duration {
    Duration::from_millis(units * capacity.ms_per_unit)
}
