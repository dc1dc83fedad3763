//! Asks nodes: after a job whose answer is late, and whether they are alive.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::Outgoing;
use crate::balancer::Balancer;
use crate::health::MISSED_ANSWERS_MAX;
use crate::message::{Answer, Ask, Attempt, JobId, Outcome};
use crate::peer::Peer;

/// An answer is late when it comes this long after the time at which it was expected.
pub(crate) const LATE_AFTER: Duration = Duration::from_millis(50);

/// A timer that ends so much too late shows that this process was stopped. What it has missed
/// meanwhile says nothing about others.
const STALLED_AFTER: Duration = Duration::from_millis(50);

/// The end of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
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

impl Balancer {
    /// The end of an attempt, if the outcome is one.
    pub(crate) fn settled(&self, outcome: &Outcome) -> Option<Settled> {
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
pub(crate) async fn chase(
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
