//! The messages between nodes. Each carries a [`Report`] of its sender's load.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// The name of a job.
pub type JobId = Rc<str>;

/// The speed and the size of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// Number of jobs that run at a time.
    pub slots: usize,
    /// Milliseconds that a unit of work takes.
    pub ms_per_unit: u64,
}

/// The load of a worker at the moment of sending.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// A number that a restart changes.
    pub incarnation: u64,
    /// The worker's capacity; none before the bench has set it.
    pub capacity: Option<Capacity>,
    /// Microseconds until each slot is free, in ascending order, with queued jobs placed.
    pub free_in_us: Vec<u64>,
    /// Number of jobs that run or are queued.
    pub jobs: usize,
    /// The highest [`Run::number`] that the worker has received from the recipient. Later ones are
    /// not in this report.
    pub seen: u64,
}

/// The attempt to run a job. Attempts of one job are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attempt {
    /// Counted by the node that the client asked.
    pub round: u32,
    /// Counted by the node that the job was passed to.
    pub turn: u32,
}

/// The freedom that the receiver of a job has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Runs the job, after those that are queued.
    Queue,
    /// Runs the job if a slot is free now or in a moment, and refuses it otherwise.
    IfFree,
    /// Takes the job as if a client had sent it, and chooses a worker.
    Anywhere,
}

/// A request to run a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The job.
    pub job: JobId,
    /// Units of work.
    pub units: u64,
    /// The attempt.
    pub attempt: Attempt,
    /// The receiver's freedom.
    pub mode: Mode,
    /// The number of this request among those from this sender to this receiver.
    pub number: u64,
    /// The sender's load.
    pub report: Report,
}

/// A question after a job whose answer is late.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ask {
    /// The job.
    pub job: JobId,
    /// The attempt. The receiver refuses this and all earlier ones from now on, unless it holds the job.
    pub attempt: Attempt,
    /// Whether a job that is queued and has not begun is given back.
    pub withdraw: bool,
    /// The sender's load.
    pub report: Report,
}

/// An answer to [`Run`], [`Ask`] or a probe.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The answer itself.
    pub outcome: Outcome,
    /// The sender's load.
    pub report: Report,
}

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The job has run.
    Ran {
        /// The node that ran it.
        worker: Rc<str>,
        /// Microseconds between the arrival of the request and this answer.
        held_us: u64,
    },
    /// The job is queued or runs.
    Held {
        /// Milliseconds until it probably ends.
        left_ms: u64,
    },
    /// The attempt has not begun and never will.
    Refused {
        /// Whether an [`Ask`] has ended the attempt; otherwise no slot is free.
        withdrawn: bool,
    },
    /// The node is alive: the answer to a probe.
    Alive,
}
