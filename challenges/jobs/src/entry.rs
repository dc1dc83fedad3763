//! The jobs that a node has taken from clients or from other nodes and must see through.

use std::collections::BTreeMap;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::message::{Attempt, JobId};
use crate::policy::Job;

/// A job that is not yet answered.
struct Open {
    attempt: Attempt,
    is_passed: bool,
    /// Resolved with the worker that ran the job; dropped if another node sees it through.
    waiters: Vec<oneshot::Sender<JobResult>>,
}

/// The node that ran a job.
pub type JobResult = usize;

/// The open jobs of a node.
#[derive(Default)]
pub struct Entry {
    open: BTreeMap<JobId, Open>,
    /// Jobs that have run, and where.
    done: BTreeMap<JobId, JobResult>,
    /// Jobs that no worker has been chosen for.
    waiting: Vec<Job>,
}

impl Entry {
    /// Takes a job, or joins those who wait for it already.
    pub fn take(
        &mut self,
        id: &JobId,
        units: u64,
        passed_as: Option<Attempt>,
    ) -> oneshot::Receiver<JobResult> {
        let (waiter, receiver) = oneshot::channel();
        if let Some(&worker) = self.done.get(id) {
            // The receiver is at hand, so sending cannot fail.
            let _ = waiter.send(worker);
            return receiver;
        }
        let attempt = passed_as.unwrap_or_default();
        match self.open.get_mut(id) {
            Some(open) => {
                open.attempt = open.attempt.max(attempt);
                open.waiters.push(waiter);
            }
            None => {
                let waiters = vec![waiter];
                let is_passed = passed_as.is_some();
                let open = Open {
                    attempt,
                    is_passed,
                    waiters,
                };
                self.open.insert(id.clone(), open);
                self.waiting.push(Job {
                    id: id.clone(),
                    units,
                    arrived_at: Instant::now(),
                    is_passed,
                });
            }
        }
        receiver
    }

    /// The present attempt of a job; none if it is not open.
    pub fn attempt(&self, id: &JobId) -> Option<Attempt> {
        self.open.get(id).map(|open| open.attempt)
    }

    /// Whether this node sees a job through for the node that passed it.
    pub fn has_passed(&self, id: &JobId) -> bool {
        self.open.get(id).is_some_and(|open| open.is_passed)
    }

    /// Gives a job back to the node that passed it, if no worker has been chosen for it.
    pub fn give_back(&mut self, id: &JobId) {
        let waiting = self.waiting.len();
        self.waiting.retain(|job| job.id != *id || !job.is_passed);
        if self.waiting.len() < waiting {
            self.forget(id);
        }
    }

    /// The node that ran a job, if it is known.
    pub fn worker_of(&self, id: &JobId) -> Option<JobResult> {
        self.done.get(id).copied()
    }

    /// The jobs that wait for a worker.
    pub fn waiting(&mut self) -> &mut Vec<Job> {
        &mut self.waiting
    }

    /// Lets a job wait for another worker, in a new attempt.
    pub fn wait_again(&mut self, job: Job) {
        if let Some(open) = self.open.get_mut(&job.id) {
            match job.is_passed {
                true => open.attempt.turn += 1,
                false => open.attempt.round += 1,
            }
            self.waiting.push(job);
        }
    }

    /// Answers those who wait for a job.
    pub fn finish(&mut self, id: &JobId, worker: JobResult) {
        self.done.insert(id.clone(), worker);
        for waiter in self.forget(id) {
            // A waiter that has given up does not matter.
            let _ = waiter.send(worker);
        }
    }

    /// Forgets a job that another node sees through. Returns those who waited for it.
    pub fn forget(&mut self, id: &JobId) -> Vec<oneshot::Sender<JobResult>> {
        let open = self.open.remove(id);
        open.map(|open| open.waiters).unwrap_or_default()
    }
}
