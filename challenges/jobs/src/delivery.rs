//! Sees a job through that was given to another node: until it has run, or certainly does not run
//! there, or the node cannot be asked.

use std::rc::Rc;
use std::time::Duration;

use glomers::Result;
use tokio::time::{Instant, sleep_until};

use crate::balancer::{Assignment, Balancer};
use crate::health::MISSED_ANSWERS_MAX;
use crate::message::{Answer, Ask, Attempt, JobId, Mode, Outcome, Run};
use crate::policy::Job;
use crate::worker::{Place, Refusal};
use crate::{Outgoing, peer::Peer};

/// An answer is late when it comes this long after the time at which it was expected.
const LATE_AFTER: Duration = Duration::from_millis(50);

/// A node that was asked to run a job anywhere is asked after it in this period.
const PASSED_ASK_INTERVAL: Duration = Duration::from_millis(500);

/// A timer that ends so much too late shows that this process was stopped. What it has missed
/// meanwhile says nothing about others.
const STALLED_AFTER: Duration = Duration::from_millis(50);

/// Calls end by [`chase`], which asks after the job, and not by their own time limit.
const CALL_TIMEOUT: Duration = Duration::from_secs(3600);

/// The end of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    /// The job has run on this worker.
    Ran(usize),
    /// No slot was free.
    Busy,
    /// The node that had passed the job has ended the attempt.
    Withdrawn,
    /// The job was not there, and that attempt does not begin any more.
    Absent,
    /// The node does not answer.
    Gone,
}

impl Refusal {
    pub(crate) fn outcome(self) -> Outcome {
        Outcome::Refused {
            withdrawn: self == Refusal::Withdrawn,
        }
    }
}

/// Gives jobs to the workers that the policy chooses, for ever; belongs into the node's background.
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

    /// The end of an attempt, if the outcome is one.
    fn settled(&self, outcome: &Outcome) -> Option<Settled> {
        match outcome {
            Outcome::Ran { worker, .. } => {
                let nodes = self.cx.nodes().iter();
                Some(Settled::Ran(nodes.clone().position(|node| node == worker)?))
            }
            Outcome::Refused { withdrawn: true } => Some(Settled::Withdrawn),
            Outcome::Refused { withdrawn: false } => Some(Settled::Busy),
            Outcome::Held { .. } | Outcome::Alive => None,
        }
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

/// Marks a node as overdue as long as it exists.
struct Overdue<'a>(&'a Balancer, usize);

impl<'a> Overdue<'a> {
    fn begin(balancer: &'a Balancer, node: usize) -> Self {
        balancer.peers.borrow_mut()[node].health.set_overdue(true);
        Self(balancer, node)
    }
}

impl Drop for Overdue<'_> {
    fn drop(&mut self) {
        self.0.peers.borrow_mut()[self.1].health.set_overdue(false);
    }
}

/// Asks a node after a job, from `ask_at` on and as often as it says that it holds the job.
async fn chase(
    balancer: &Rc<Balancer>,
    job: &JobId,
    attempt: Attempt,
    node: usize,
    mut ask_at: Instant,
) -> Settled {
    loop {
        sleep_until(ask_at).await;
        if Instant::now() > ask_at + STALLED_AFTER {
            // The answer may be among the messages that this process has not read yet.
            ask_at = Instant::now() + STALLED_AFTER;
            continue;
        }
        let _overdue = Overdue::begin(balancer, node);
        let mut missed = 0;
        let left = loop {
            match ask(balancer, job, attempt, node, missed > 0).await {
                Some(Outcome::Held { left_ms }) => break Duration::from_millis(left_ms),
                Some(Outcome::Refused { .. }) => return Settled::Absent,
                Some(outcome) => return balancer.settled(&outcome).unwrap_or(Settled::Gone),
                None => missed += 1,
            }
            if missed >= MISSED_ANSWERS_MAX {
                return Settled::Gone;
            }
        };
        ask_at = Instant::now() + left + LATE_AFTER;
    }
}

/// Asks a node after a job, once. Returns nothing if there is no answer in time.
async fn ask(
    balancer: &Rc<Balancer>,
    job: &JobId,
    attempt: Attempt,
    node: usize,
    withdraw: bool,
) -> Option<Outcome> {
    loop {
        let ask = Ask {
            job: job.clone(),
            attempt,
            withdraw,
            report: balancer.report_to(node),
        };
        match question(balancer, node, &Outgoing::Ask(ask)).await {
            Ok(answer) => return Some(answer.outcome),
            Err(Missed::Stalled) => {}
            Err(Missed::Silent) => return None,
        }
    }
}

/// Why a question has no answer.
enum Missed {
    /// This process was stopped meanwhile.
    Stalled,
    /// The other node is silent.
    Silent,
}

async fn question(
    balancer: &Rc<Balancer>,
    node: usize,
    body: &Outgoing,
) -> std::result::Result<Answer, Missed> {
    let timeout = balancer.peers.borrow()[node].reply_timeout();
    let name = &balancer.cx.nodes()[node];
    let sent_at = Instant::now();
    let answer = balancer.cx.call_within::<Answer>(timeout, name, body).await;
    let elapsed = sent_at.elapsed();
    match answer {
        Ok(answer) => {
            balancer.peers.borrow_mut()[node].measured(elapsed);
            balancer.receive(node, &answer.report, None);
            Ok(answer)
        }
        Err(_) if elapsed > timeout + STALLED_AFTER => Err(Missed::Stalled),
        Err(_) => {
            balancer.peers.borrow_mut()[node].health.missed();
            Err(Missed::Silent)
        }
    }
}

/// Asks nodes that are out, or whose capacity is unknown, whether they are alive. Called when a job
/// arrives, so a quiet cluster sends nothing.
pub fn probe(balancer: &Rc<Balancer>) {
    let now = Instant::now();
    let is_due =
        |peer: &mut Peer| (peer.health.is_out() || !peer.is_known()) && peer.health.take_probe(now);
    let due: Vec<usize> = {
        let peers = &mut *balancer.peers.borrow_mut();
        let peers = peers.iter_mut().enumerate();
        let others = peers.filter(|(position, _)| *position != balancer.me);
        let due = others.filter_map(|(position, peer)| is_due(peer).then_some(position));
        due.collect()
    };
    for node in due {
        let this = Rc::clone(balancer);
        balancer.cx.spawn(async move {
            let probe = Outgoing::Probe(this.report_to(node));
            // A silent node is probed again with one of the next jobs.
            let _ = question(&this, node, &probe).await;
        });
    }
}
