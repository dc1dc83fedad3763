//! The policies: which worker runs a job.
//!
//! A policy sees what its node knows, decides on one job at a time, and sends nothing itself. To add
//! one: implement [`Policy`] in a file of its own and add it to [`Kind`].

mod best;
mod least_connections;
mod least_response_time;
mod random;
mod round_robin;
mod two_choices;
mod weighted_round_robin;

use glomers::Random;
use glomers::prelude::*;
use tokio::time::Instant;

pub use best::Best;
pub use least_connections::LeastConnections;
pub use least_response_time::LeastResponseTime;
pub use random::Uniform;
pub use round_robin::RoundRobin;
pub use two_choices::TwoChoices;
pub use weighted_round_robin::WeightedRoundRobin;

use crate::message::{Capacity, JobId, Mode};

/// A job is sent so that it arrives this long before its slot is free: timers are exact to 1 ms, and a
/// job that waits costs less than a slot that does.
pub const ARRIVE_EARLY: Duration = Duration::from_millis(1);

/// A job that waits for a decision.
#[derive(Clone, Debug)]
pub struct Job {
    /// The name.
    pub id: JobId,
    /// Units of work.
    pub units: u64,
    /// When it arrived at this node.
    pub arrived_at: Instant,
    /// Whether another node has passed it to this one. Such a job is not passed on again.
    pub is_passed: bool,
}

/// A worker as this node knows it. Workers that are dead, suspected or unknown are not offered.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Position in the list of nodes.
    pub position: usize,
    /// Slots and speed.
    pub capacity: Capacity,
    /// When each slot is free, in ascending order; in the past for a slot that is free now.
    pub free_at: Vec<Instant>,
    /// Jobs that this node sent there and that have not been answered.
    pub outstanding: usize,
    /// Jobs that run or are queued there, also those of other nodes, by its latest report.
    pub jobs: usize,
    /// Peak EWMA of the time from sending a job to its answer; zero before the first answer.
    pub response: Duration,
    /// Time that a message takes to get there; zero for this node itself.
    pub one_way: Duration,
}

impl Candidate {
    /// The time that so many units take there.
    pub fn service_time(&self, units: u64) -> Duration {
        Duration::from_millis(units * self.capacity.ms_per_unit)
    }

    /// When a job that is sent now could begin.
    pub fn start(&self, now: Instant) -> Instant {
        let arrival = now + self.one_way;
        self.free_at
            .first()
            .map_or(arrival, |&free| free.max(arrival))
    }

    /// Occupies the slot that is free first with a job that is sent now.
    pub fn book(&mut self, now: Instant, units: u64) {
        self.occupy(self.start(now) + self.service_time(units));
    }

    /// Occupies the slot that is free first until this time.
    pub fn occupy(&mut self, end: Instant) {
        if let Some(first) = self.free_at.first_mut() {
            *first = end;
        }
        self.free_at.sort_unstable();
    }

    /// Counts a job that is sent now.
    pub fn assign(&mut self, now: Instant, units: u64) {
        self.book(now, units);
        self.outstanding += 1;
        self.jobs += 1;
    }
}

/// What a node knows at the moment of a decision.
pub struct Situation<'a> {
    /// The present time.
    pub now: Instant,
    /// The position of this node.
    pub me: usize,
    /// The usable workers, in the order of their positions; there is at least one.
    pub workers: &'a [Candidate],
    /// Another node that places more jobs than this one, if there is one.
    pub dispatcher: Option<usize>,
}

impl Situation<'_> {
    /// The worker at which the key is least. A random one of several.
    pub fn least<K: Ord>(&self, rng: &mut Random<'_>, key: impl Fn(&Candidate) -> K) -> Choice {
        let least = self
            .workers
            .iter()
            .min_by_key(|worker| (key(worker), rng.random::<u32>()));
        Choice::Run(least.expect("a policy is asked with workers").position)
    }
}

/// A decision on one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Sends the job to the worker at this position.
    Run(usize),
    /// Keeps the job here for the next free slot of the worker at this position.
    Later(usize),
    /// Keeps the job here until the situation changes.
    Wait,
    /// Passes the job to a node that knows more.
    Pass(usize),
}

/// A way to choose workers.
pub trait Policy {
    /// Decides on a job. Jobs are offered in the order of their [due times](Self::due).
    fn place(&mut self, job: &Job, situation: &Situation<'_>, rng: &mut Random<'_>) -> Choice;

    /// The time by which waiting jobs are ordered: that of their arrival by default.
    fn due(&self, job: &Job) -> Instant {
        job.arrived_at
    }

    /// The freedom of a worker that is sent a job: to queue it by default.
    fn mode(&self) -> Mode {
        Mode::Queue
    }
}

/// The names of the policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Any worker.
    Random,
    /// One worker after the other.
    RoundRobin,
    /// One after the other, in proportion to their slots.
    WeightedRoundRobin,
    /// The worker with the fewest unanswered jobs of this node.
    LeastConnections,
    /// The worker that answered fastest of late.
    LeastResponseTime,
    /// The less loaded of two random workers.
    TwoChoices,
    /// Jobs wait at their entry, the short ones first, until a slot is free.
    Best,
}

impl Kind {
    /// Every policy.
    pub const ALL: [Kind; 7] = [
        Kind::Random,
        Kind::RoundRobin,
        Kind::WeightedRoundRobin,
        Kind::LeastConnections,
        Kind::LeastResponseTime,
        Kind::TwoChoices,
        Kind::Best,
    ];

    /// Creates the policy.
    pub fn policy(self) -> Box<dyn Policy> {
        match self {
            Kind::Random => Box::new(Uniform),
            Kind::RoundRobin => Box::new(RoundRobin::default()),
            Kind::WeightedRoundRobin => Box::new(WeightedRoundRobin::default()),
            Kind::LeastConnections => Box::new(LeastConnections),
            Kind::LeastResponseTime => Box::new(LeastResponseTime),
            Kind::TwoChoices => Box::new(TwoChoices),
            Kind::Best => Box::new(Best),
        }
    }
}
