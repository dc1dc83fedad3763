//! The balancer: what a node knows of its jobs and of other nodes, and the policy's choice of a worker for
//! each waiting job.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use glomers::prelude::*;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::Outgoing;
use crate::entry::{Entry, JobResult};
use crate::message::{Answer, Attempt, Capacity, JobId, Mode, Outcome, Report, Run};
use crate::peer::{Peer, Recent};
use crate::policy::{ARRIVE_EARLY, Candidate, Choice, Job, Policy, Situation};
use crate::worker::Worker;

/// While jobs wait, they are offered to the policy in this period at least.
const OFFER_INTERVAL: Duration = Duration::from_millis(10);

/// A job that leaves the waiting ones.
pub(crate) struct Assignment {
    pub job: Job,
    /// The node that gets it, which may be this one.
    pub to: usize,
    pub mode: Mode,
}

/// The state of a node.
pub struct Balancer {
    pub(crate) cx: Context,
    pub(crate) me: usize,
    incarnation: u64,
    pub(crate) worker: Worker,
    /// By position; that of this node itself holds only counts.
    pub(crate) peers: RefCell<Vec<Peer>>,
    pub(crate) entry: RefCell<Entry>,
    policy: RefCell<Box<dyn Policy>>,
    /// Jobs that clients sent to this node, of late.
    arrivals: RefCell<Recent>,
    /// The highest number of a job by each sender, with the sender's incarnation.
    seen: RefCell<BTreeMap<usize, (Option<u64>, u64)>>,
    offer_at: Cell<Option<Instant>>,
    changed: Notify,
}

impl Balancer {
    /// Creates a node without jobs.
    pub fn new(cx: &Context, policy: Box<dyn Policy>) -> Self {
        let me = cx.nodes().iter().position(|node| **node == *cx.id());
        let peers = cx.nodes().iter().map(|_| Peer::default()).collect();
        Self {
            cx: cx.clone(),
            me: me.expect("a node is in the list"),
            // JSON numbers are exact up to 53 bits.
            incarnation: cx.rng().random::<u64>() >> 12,
            worker: Worker::default(),
            peers: RefCell::new(peers),
            entry: RefCell::default(),
            policy: RefCell::new(policy),
            arrivals: RefCell::default(),
            seen: RefCell::default(),
            offer_at: Cell::new(None),
            changed: Notify::new(),
        }
    }

    /// Sets the capacity and makes it known.
    pub fn set_capacity(self: &Rc<Self>, capacity: Capacity) {
        self.worker.set_capacity(capacity);
        for (position, node) in self.cx.nodes().iter().enumerate() {
            if position != self.me {
                self.cx
                    .send(node, &Outgoing::Report(self.report_to(position)));
            }
        }
        self.offer();
    }

    /// Takes a job from a client. The receiver resolves with the worker that ran it.
    pub fn submit(self: &Rc<Self>, id: &JobId, units: u64) -> oneshot::Receiver<JobResult> {
        self.arrivals.borrow_mut().add(Instant::now());
        let receiver = self.entry.borrow_mut().take(id, units, None);
        self.offer();
        receiver
    }

    /// Takes a job from another node, to run it here or anywhere. The answer comes when it has run.
    pub async fn run(self: &Rc<Self>, from: usize, run: Run) -> Outcome {
        let arrived_at = Instant::now();
        self.receive(from, &run.report, Some(run.number));
        let withdrawn = Outcome::Refused { withdrawn: true };
        let worker = if run.mode == Mode::Anywhere {
            if self.worker.has_ended(&run.job, run.attempt) {
                return withdrawn;
            }
            let attempt = Attempt {
                turn: 1,
                ..run.attempt
            };
            let entry = &self.entry;
            let receiver = entry.borrow_mut().take(&run.job, run.units, Some(attempt));
            self.offer();
            receiver.await.ok()
        } else {
            let now = Instant::now();
            self.peers.borrow_mut()[from].received.add(now);
            let taken = self.worker.take(&run.job, run.units, run.attempt, run.mode);
            self.begin_jobs();
            match taken {
                Ok(receiver) => receiver.await.ok().map(|()| self.me),
                Err(refusal) => return refusal.outcome(),
            }
        };
        worker.map_or(withdrawn, |worker| Outcome::Ran {
            worker: self.cx.nodes()[worker].clone(),
            held_us: arrived_at.elapsed().as_micros() as u64,
        })
    }

    /// Every job that this node has run, and how often.
    pub fn executed(&self) -> Vec<(JobId, u64)> {
        self.worker.executed()
    }

    /// Answers another node.
    pub fn answer(&self, to: usize, outcome: Outcome) -> Answer {
        let report = self.report_to(to);
        Answer { outcome, report }
    }

    /// Learns the load of another node, and the number of a job from there.
    pub fn receive(self: &Rc<Self>, from: usize, report: &Report, number: Option<u64>) {
        let incarnation = Some(report.incarnation);
        let seen = &mut *self.seen.borrow_mut();
        let seen = seen.entry(from).or_default();
        if seen.0 != incarnation {
            *seen = (incarnation, 0);
        }
        seen.1 = seen.1.max(number.unwrap_or(0));
        self.peers.borrow_mut()[from].learn(report, Instant::now());
        self.offer();
    }

    /// The load of this node, for another.
    pub(crate) fn report_to(&self, position: usize) -> Report {
        let now = Instant::now();
        let free_at = self.worker.free_at(now).into_iter();
        Report {
            incarnation: self.incarnation,
            capacity: self.worker.capacity(),
            free_in_us: free_at.map(|at| (at - now).as_micros() as u64).collect(),
            jobs: self.worker.jobs(),
            seen: self.seen.borrow().get(&position).map_or(0, |seen| seen.1),
        }
    }

    /// Begins queued jobs on free slots of this node.
    pub(crate) fn begin_jobs(self: &Rc<Self>) {
        while let Some((job, end)) = self.worker.begin(Instant::now()) {
            let this = Rc::clone(self);
            self.cx.spawn(async move {
                sleep_until(end).await;
                this.worker.end(&job);
                this.offer();
            });
        }
    }

    /// Offers the waiting jobs to the policy, after what this node does at present.
    pub(crate) fn offer(&self) {
        self.offer_at.set(Some(Instant::now()));
        self.changed.notify_one();
    }

    /// Offers the waiting jobs to the policy. Returns those that leave.
    pub(crate) fn assign(self: &Rc<Self>) -> Vec<Assignment> {
        self.begin_jobs();
        let now = Instant::now();
        let mut workers = self.candidates(now);
        let mut jobs = std::mem::take(self.entry.borrow_mut().waiting());
        let policy = &mut **self.policy.borrow_mut();
        jobs.sort_by_cached_key(|job| (policy.due(job), job.arrived_at));
        let dispatcher = self.dispatcher(now);
        let (mut kept, mut assigned) = (Vec::new(), Vec::new());
        for job in jobs {
            if workers.is_empty() {
                kept.push(job);
                continue;
            }
            let situation = Situation {
                now,
                me: self.me,
                workers: &workers,
                dispatcher,
            };
            match policy.place(&job, &situation, &mut self.cx.rng()) {
                Choice::Run(to) => {
                    change(&mut workers, to, |worker| worker.assign(now, job.units));
                    workers.retain(|worker| self.is_usable(worker));
                    let mode = policy.mode();
                    assigned.push(Assignment { job, to, mode });
                }
                Choice::Later(to) => {
                    change(&mut workers, to, |worker| worker.book(now, job.units));
                    kept.push(job);
                }
                Choice::Wait => kept.push(job),
                Choice::Pass(to) => {
                    let mode = Mode::Anywhere;
                    assigned.push(Assignment { job, to, mode });
                }
            }
        }
        self.offer_at.set(match kept.is_empty() {
            true => None,
            false => Some(self.next_offer(now)),
        });
        self.entry.borrow_mut().waiting().append(&mut kept);
        assigned
    }

    /// When a slot is free for a job that is sent then, or soon.
    fn next_offer(&self, now: Instant) -> Instant {
        let workers = self.candidates(now);
        let free = workers.iter().flat_map(|worker| {
            let one_way = worker.one_way;
            let free_at = worker.free_at.iter();
            free_at.filter_map(move |at| at.checked_sub(one_way + ARRIVE_EARLY))
        });
        let next = free.filter(|&at| at > now).min();
        next.map_or(now + OFFER_INTERVAL, |at| at.min(now + OFFER_INTERVAL))
    }

    /// The workers that may get a job.
    pub(crate) fn candidates(&self, now: Instant) -> Vec<Candidate> {
        let peers = self.peers.borrow();
        let workers = peers.iter().enumerate();
        let workers = workers.filter_map(|(position, peer)| match position == self.me {
            true => Some(Candidate {
                position,
                capacity: self.worker.capacity()?,
                free_at: self.worker.free_at(now),
                outstanding: peer.outstanding,
                jobs: self.worker.jobs(),
                response: peer.response_now(now),
                one_way: Duration::ZERO,
            }),
            false => peer
                .candidate(position, now)
                .filter(|worker| peer.health.is_usable(worker.outstanding)),
        });
        workers.collect()
    }

    fn is_usable(&self, worker: &Candidate) -> bool {
        let peer = &self.peers.borrow()[worker.position];
        worker.position == self.me || peer.health.is_usable(worker.outstanding)
    }

    /// The node that has lately chosen this one more often than clients have.
    fn dispatcher(&self, now: Instant) -> Option<usize> {
        let peers = self.peers.borrow();
        let own = self.arrivals.borrow().count(now);
        let busier = peers.iter().enumerate().filter(|(_, peer)| {
            peer.received.count(now) > own && peer.health.is_usable(peer.outstanding)
        });
        let busiest = busier.max_by(|(_, a), (_, b)| {
            let [a, b] = [a, b].map(|peer| peer.received.count(now));
            a.total_cmp(&b)
        });
        busiest.map(|(position, _)| position)
    }

    /// Waits until jobs have to be offered.
    pub(crate) async fn offer_is_due(&self) {
        loop {
            let offer_at = self.offer_at.get();
            // A timer would round up to the next millisecond.
            if offer_at.is_some_and(|at| at <= Instant::now()) {
                return;
            }
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = sleep_until(offer_at.unwrap_or_else(Instant::now)), if offer_at.is_some() => {}
            }
        }
    }
}

fn change(workers: &mut [Candidate], position: usize, change: impl FnOnce(&mut Candidate)) {
    let worker = workers
        .iter_mut()
        .find(|worker| worker.position == position);
    if let Some(worker) = worker {
        change(worker);
    }
}
