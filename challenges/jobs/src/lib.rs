//! Load balancing: every node takes jobs from clients, and any node can run them.
//!
//! A node is a worker with some slots and a balancer, which gives each job to a
//! worker that a [`policy`] chooses. There is no central balancer and no message without a job:
//! each message that flows anyway carries its sender's load.
//!
//! Whatever the policy, a job runs once: a node that gets no answer in time asks after the job, and
//! gives it to another worker only if it certainly did not begin, or the worker cannot be asked.

mod balancer;
mod chase;
mod delivery;
mod entry;
mod health;
pub mod message;
mod peer;
pub mod policy;
mod worker;

use std::rc::Rc;

use glomers::prelude::*;

use self::balancer::Balancer;
use self::message::{Answer, Ask, Capacity, JobId, Outcome, Report, Run};
use self::policy::Kind;

/// The requests of the bench and of clients, and the messages between nodes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Sets the capacity of this node.
    Capacity(Capacity),
    /// Runs a job.
    Job {
        /// The job.
        job: JobId,
        /// Units of work.
        units: u64,
    },
    /// Lists the jobs that this node has run.
    Executed,
    /// Another node wants a job to be run.
    Run(Run),
    /// Another node asks after a job.
    Ask(Ask),
    /// Another node asks whether this one is alive.
    Probe(Report),
    /// Another node reports its load.
    Report(Report),
}

/// The requests that nodes send to each other.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Outgoing {
    Run(Run),
    Ask(Ask),
    Probe(Report),
    Report(Report),
}

/// The replies.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// The capacity is set.
    CapacityOk {},
    /// The job has run.
    JobOk {
        /// The node that ran it.
        worker: NodeId,
    },
    /// The jobs that this node has run.
    ExecutedOk {
        /// Each job, and how often it has run.
        jobs: Vec<(JobId, u64)>,
    },
    /// The answer to another node.
    Answer(Answer),
}

/// A node that runs jobs and passes them on.
pub struct Jobs {
    balancer: Rc<Balancer>,
}

impl Jobs {
    /// Creates a node that chooses workers by this policy.
    pub fn new(cx: &Context, policy: Kind) -> Self {
        Self {
            balancer: Rc::new(Balancer::new(cx, policy.policy())),
        }
    }
}

glomers::compile_once!(Jobs);

impl Node for Jobs {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        let balancer = &self.balancer;
        let sender = || {
            let sender = cx.nodes().iter().position(|node| **node == *cx.sender());
            sender.ok_or_else(|| Error::malformed_request("only nodes send this"))
        };
        let (from, outcome) = match request {
            Request::Capacity(capacity) => {
                balancer.set_capacity(capacity);
                return Ok(Some(Reply::CapacityOk {}));
            }
            Request::Job { job, units } => {
                let answer = balancer.submit(&job, units);
                chase::probe(balancer);
                let worker = answer.await;
                let worker = worker.map_err(|_| Error::crash("the job was given away"))?;
                let worker = cx.nodes()[worker].clone();
                return Ok(Some(Reply::JobOk { worker }));
            }
            Request::Executed => {
                let jobs = balancer.executed();
                return Ok(Some(Reply::ExecutedOk { jobs }));
            }
            Request::Report(report) => {
                balancer.receive(sender()?, &report, None);
                return Ok(None);
            }
            Request::Run(run) => {
                let from = sender()?;
                (from, balancer.run(from, run).await)
            }
            Request::Ask(ask) => {
                let from = sender()?;
                (from, balancer.asked(from, &ask))
            }
            Request::Probe(report) => {
                let from = sender()?;
                balancer.receive(from, &report, None);
                (from, Outcome::Alive)
            }
        };
        let answer = balancer.answer(from, outcome);
        Ok(Some(Reply::Answer(answer)))
    }

    async fn background(&self, _: &Context) {
        delivery::run(&self.balancer).await;
    }
}
