//! Sees a job through that was given to another node: until it has run, or certainly does not run
//! there, or the node cannot be asked.

use std::rc::Rc;
use std::time::Duration;

use glomers::Result;
use tokio::time::Instant;

use crate::Outgoing;
use crate::balancer::{Assignment, Balancer};
use crate::chase::{LATE_AFTER, Settled, chase};
use crate::message::{Answer, Ask, Attempt, Mode, Outcome, Run};
use crate::policy::Job;
use crate::worker::{Place, Refusal};

/// A node that was asked to run a job anywhere is asked after it in this period.
const PASSED_ASK_INTERVAL: Duration = Duration::from_millis(500);

/// Calls end by [`chase`], which asks after the job, and not by their own time limit.
const CALL_TIMEOUT: Duration = Duration::from_secs(3600);

impl Refusal {
    pub(crate) fn outcome(self) -> Outcome {
        Outcome::Refused {
            withdrawn: self == Refusal::Withdrawn,
        }
    }
}

/// Gives jobs to the workers that the policy chooses, as long as the node runs.
pub async fn run(balancer: &Rc<Balancer>) {
    loop {
        balancer.offer_is_due().await;
        for assignment in balancer.assign() {
            dispatch(balancer, assignment);
        }
    }
}

/// Gives a job to a node.
fn dispatch(balancer: &Rc<Balancer>, assignment: Assignment) {
    let Assignment { job, to, mode } = assignment;
    let Some(attempt) = balancer.entry.borrow().attempt(&job.id) else {
        return;
    };
    if to == balancer.me {
        run_here(balancer, job, attempt);
        return;
    }
    let now = Instant::now();
    let expected = match mode {
        Mode::Anywhere => PASSED_ASK_INTERVAL,
        _ => expected(balancer, &job, to, now),
    };
    let number = balancer.peers.borrow_mut()[to].send(job.units, mode, now);
    let run = Run {
        job: job.id.clone(),
        units: job.units,
        attempt,
        mode,
        number,
        report: balancer.report_to(to),
    };
    let node = &balancer.cx.nodes()[to];
    let call = balancer
        .cx
        .call_within::<Answer>(CALL_TIMEOUT, node, &Outgoing::Run(run));
    let this = Rc::clone(balancer);
    balancer.cx.spawn(async move {
        let chased = match mode {
            Mode::Anywhere => whole_round(attempt),
            _ => attempt,
        };
        let settled = tokio::select! {
            biased;
            answer = call => this.settle(to, answer, now, mode),
            settled = chase(&this, &job.id, chased, to, now + expected + LATE_AFTER) => settled,
        };
        this.peers.borrow_mut()[to].settled(number);
        this.conclude(job, attempt, to, mode, settled).await;
        this.offer();
    });
}

/// An attempt that comes after all turns of the same round.
fn whole_round(attempt: Attempt) -> Attempt {
    Attempt {
        turn: u32::MAX,
        ..attempt
    }
}

/// The time after which the answer of a worker is expected.
fn expected(balancer: &Balancer, job: &Job, to: usize, now: Instant) -> Duration {
    let workers = balancer.candidates(now);
    let worker = workers.iter().find(|worker| worker.position == to);
    worker.map_or(Duration::ZERO, |worker| {
        worker.start(now) - now + worker.service_time(job.units) + worker.one_way
    })
}

fn run_here(balancer: &Rc<Balancer>, job: Job, attempt: Attempt) {
    let sent_at = Instant::now();
    let me = balancer.me;
    let taken = balancer
        .worker
        .take(&job.id, job.units, attempt, Mode::Queue);
    let Ok(receiver) = taken else {
        // Only the node that passed it can have ended the attempt, and it sees the job through.
        balancer.entry.borrow_mut().forget(&job.id);
        return;
    };
    balancer.peers.borrow_mut()[me].outstanding += 1;
    balancer.begin_jobs();
    let this = Rc::clone(balancer);
    balancer.cx.spawn(async move {
        let result = receiver.await;
        let now = Instant::now();
        {
            let own = &mut this.peers.borrow_mut()[me];
            own.outstanding -= 1;
            own.responded(now - sent_at, now);
        }
        match result {
            Ok(()) => this.entry.borrow_mut().finish(&job.id, me),
            Err(_) => drop(this.entry.borrow_mut().forget(&job.id)),
        }
        this.offer();
    });
}

impl Balancer {
    /// Takes the answer of a node to a job that it was sent.
    fn settle(
        self: &Rc<Self>,
        from: usize,
        answer: Result<Answer>,
        sent_at: Instant,
        mode: Mode,
    ) -> Settled {
        let Ok(Answer { outcome, report }) = answer else {
            // Errors of this runtime: the node has not taken the job, or its answer was of another form.
            return Settled::Gone;
        };
        let now = Instant::now();
        let settled = self.settled(&outcome);
        if let Outcome::Ran { held_us, .. } = outcome {
            let peer = &mut self.peers.borrow_mut()[from];
            let held = Duration::from_micros(held_us);
            match mode {
                Mode::Anywhere => peer.health.answered(),
                _ => peer.answered(now - sent_at, held, now),
            }
        }
        if settled == Some(Settled::Busy) {
            // The worker refuses at once, so this is the time of a round trip. If it was believed to be
            // longer, the job was sent too early, and would be again.
            self.peers.borrow_mut()[from].measured(now - sent_at);
        }
        self.receive(from, &report, None);
        settled.unwrap_or(Settled::Absent)
    }

    /// Draws the conclusion from the end of an attempt: answers, or lets the job wait again.
    async fn conclude(
        self: &Rc<Self>,
        job: Job,
        attempt: Attempt,
        from: usize,
        mode: Mode,
        settled: Settled,
    ) {
        match settled {
            Settled::Ran(worker) => self.entry.borrow_mut().finish(&job.id, worker),
            Settled::Withdrawn if job.is_passed => {
                drop(self.entry.borrow_mut().forget(&job.id));
            }
            _ if mode == Mode::Anywhere => match self.find(&job, attempt, from).await {
                Some(worker) => self.entry.borrow_mut().finish(&job.id, worker),
                None => self.entry.borrow_mut().wait_again(job),
            },
            _ => self.entry.borrow_mut().wait_again(job),
        }
    }

    /// Looks for a job that a lost node may have given to any other. Ends the attempt everywhere.
    async fn find(self: &Rc<Self>, job: &Job, attempt: Attempt, lost: usize) -> Option<usize> {
        let attempt = whole_round(attempt);
        match self.worker.place(&job.id) {
            Place::Absent => self.worker.end_attempt(&job.id, attempt),
            Place::Ran | Place::Held(_) => {
                let taken = self.worker.take(&job.id, job.units, attempt, Mode::Queue);
                if let Ok(receiver) = taken
                    && receiver.await.is_ok()
                {
                    return Some(self.me);
                }
            }
        }
        for position in 0..self.cx.nodes().len() {
            if position != self.me
                && position != lost
                && let Settled::Ran(worker) =
                    chase(self, &job.id, attempt, position, Instant::now()).await
            {
                return Some(worker);
            }
        }
        None
    }

    /// Answers a question after a job.
    pub fn asked(self: &Rc<Self>, from: usize, ask: &Ask) -> Outcome {
        self.receive(from, &ask.report, None);
        let now = Instant::now();
        let entry = &mut *self.entry.borrow_mut();
        if ask.withdraw {
            self.worker.withdraw(&ask.job);
            entry.give_back(&ask.job);
        }
        let ran = |worker: usize| Outcome::Ran {
            worker: self.cx.nodes()[worker].clone(),
            held_us: 0,
        };
        match (self.worker.place(&ask.job), entry.worker_of(&ask.job)) {
            (Place::Ran, _) => ran(self.me),
            (_, Some(worker)) => ran(worker),
            (Place::Held(end), _) => Outcome::Held {
                left_ms: end.saturating_duration_since(now).as_millis() as u64,
            },
            (Place::Absent, None) if entry.has_passed(&ask.job) => Outcome::Held {
                left_ms: PASSED_ASK_INTERVAL.as_millis() as u64,
            },
            (Place::Absent, None) => {
                self.worker.end_attempt(&ask.job, ask.attempt);
                Outcome::Refused { withdrawn: true }
            }
        }
    }
}
