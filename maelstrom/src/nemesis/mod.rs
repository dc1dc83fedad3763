//! The nemesis: what goes wrong during a run, and when.
//!
//! A [`Fault`] is a value that knows how to strike and how to make good again; a [`Schedule`] says
//! when. Schedules compose: a run may have any number of them, each with its own clock.

mod network;
mod partition;
mod process;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;

pub use network::{Delays, Duplication, LatencySpike, Loss};
pub use partition::{Partition, PartitionKind};
pub use process::{ClockSkew, Kill, Pause, Target};

use crate::edn::Value;
use crate::net::Faults;
use crate::seed::ChaCha8Rng;

/// What a fault may touch.
pub struct FaultContext<'a> {
    /// The names of the nodes; node *i* is endpoint *i* of the network.
    pub nodes: &'a [String],
    /// The network's faults.
    pub faults: Rc<RefCell<Faults>>,
    /// The nemesis' randomness.
    pub rng: &'a mut ChaCha8Rng,
    /// What is to be done to nodes; the runner does it.
    pub actions: Vec<Action>,
}

/// Something done to a node from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// End it at once; its memory is gone.
    Kill(usize),
    /// Start it again, and initialise it.
    Restart(usize),
    /// Let it run no more, for now.
    Pause(usize),
    /// Let it run on.
    Resume(usize),
    /// Set its wall clock off by so many milliseconds.
    SetClock(usize, i64),
    /// Send it a request with this body from a client of the bench's own; the answer does not matter.
    Request(usize, serde_json::Value),
}

/// What a fault did, for the history.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRecord {
    /// The function, such as `start-partition`.
    pub f: &'static str,
    /// What was asked for.
    pub request: Value,
    /// What came of it.
    pub result: Value,
}

/// Something that can go wrong, and be made good.
pub trait Fault {
    /// FaultCounts.
    fn start(&mut self, arena: &mut FaultContext<'_>) -> FaultRecord;

    /// Makes good whatever is in force; harmless if nothing is.
    fn stop(&mut self, arena: &mut FaultContext<'_>) -> FaultRecord;

    /// What it is, in a word or two: `loss 5 %`.
    fn name(&self) -> String;

    /// FaultCounts by turns for this long on average, then heals for as long: gaps are uniform in
    /// [0, 2 · interval), and the first strike comes at once.
    fn every(self, interval: Duration) -> Schedule
    where
        Self: Sized + 'static,
    {
        Schedule::new(self, Timing::Every(interval))
    }

    /// FaultCounts from the beginning to the end of the run's main phase.
    fn always(self) -> Schedule
    where
        Self: Sized + 'static,
    {
        Schedule::new(self, Timing::Between(Duration::ZERO, None))
    }

    /// FaultCounts at `from` and heals at `to`.
    fn between(self, from: Duration, to: Duration) -> Schedule
    where
        Self: Sized + 'static,
    {
        Schedule::new(self, Timing::Between(from, Some(to)))
    }
}

impl Fault for Box<dyn Fault> {
    fn start(&mut self, context: &mut FaultContext<'_>) -> FaultRecord {
        (**self).start(context)
    }

    fn stop(&mut self, context: &mut FaultContext<'_>) -> FaultRecord {
        (**self).stop(context)
    }

    fn name(&self) -> String {
        (**self).name()
    }
}

#[derive(Clone, Copy, Debug)]
enum Timing {
    Every(Duration),
    Between(Duration, Option<Duration>),
}

/// A fault and its times.
pub struct Schedule {
    fault: Box<dyn Fault>,
    timing: Timing,
    /// When the next start or stop is due; never, once a single strike is over.
    next_at: Option<Duration>,
    active: bool,
}

impl Schedule {
    fn new(fault: impl Fault + 'static, timing: Timing) -> Schedule {
        let first = match timing {
            Timing::Every(_) => Duration::ZERO,
            Timing::Between(from, _) => from,
        };
        Schedule {
            fault: Box::new(fault),
            timing,
            next_at: Some(first),
            active: false,
        }
    }
}

impl fmt::Display for Schedule {
    /// `loss 5 % every 2s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.fault.name();
        match self.timing {
            Timing::Every(interval) => write!(f, "{name} every {interval:?}"),
            Timing::Between(Duration::ZERO, None) => write!(f, "{name} always"),
            Timing::Between(from, None) => write!(f, "{name} from {from:?} on"),
            Timing::Between(from, Some(to)) => write!(f, "{name} from {from:?} to {to:?}"),
        }
    }
}

/// All schedules of a run.
#[derive(Default)]
pub struct Nemesis {
    schedules: Vec<Schedule>,
}

impl Nemesis {
    /// A nemesis that follows these schedules.
    pub fn new(schedules: Vec<Schedule>) -> Nemesis {
        Nemesis { schedules }
    }

    /// Whether nothing ever goes wrong.
    pub fn is_idle(&self) -> bool {
        self.schedules.is_empty()
    }

    /// Whether no fault is in force, and none will be.
    pub fn is_over(&self) -> bool {
        let over = |schedule: &Schedule| !schedule.active && schedule.next_at.is_none();
        self.schedules.iter().all(over)
    }

    /// When the next fault strikes or heals, since the run's origin.
    pub fn next_at(&self) -> Option<Duration> {
        self.schedules
            .iter()
            .filter_map(|schedule| schedule.next_at)
            .min()
    }

    /// Does the earliest thing that is due at `now`, if any.
    pub fn act(&mut self, now: Duration, arena: &mut FaultContext<'_>) -> Option<FaultRecord> {
        let due = |schedule: &&mut Schedule| schedule.next_at.is_some_and(|at| at <= now);
        let earliest = self.schedules.iter_mut().filter(due);
        let schedule = earliest.min_by_key(|schedule| schedule.next_at)?;
        let at = schedule.next_at?;
        schedule.active = !schedule.active;
        schedule.next_at = match schedule.timing {
            Timing::Every(interval) => Some(at + interval.mul_f64(2.0 * arena.rng.random::<f64>())),
            Timing::Between(_, to) if schedule.active => to,
            Timing::Between(..) => None,
        };
        Some(match schedule.active {
            true => schedule.fault.start(arena),
            false => schedule.fault.stop(arena),
        })
    }

    /// Makes everything good, and does nothing any more.
    pub fn heal(&mut self, arena: &mut FaultContext<'_>) -> Vec<FaultRecord> {
        let schedules = self.schedules.iter_mut();
        schedules
            .map(|schedule| {
                (schedule.active, schedule.next_at) = (false, None);
                schedule.fault.stop(arena)
            })
            .collect()
    }
}
