//! The nemesis: the faults of a run, and their times.
//!
//! A [`Fault`] is a value that can start and stop; a [`Schedule`] says when it does. Schedules
//! compose: a run may have any number of them, each with its own times, and several of one kind of
//! fault. The kinds that have a name on the command line are listed in [`Faults`].

mod catalog;
mod network;
mod partition;
mod process;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;

pub use catalog::{FaultSpec, Faults};
pub use network::{Delays, Duplication, LatencySpike, Loss};
pub use partition::{Partition, PartitionKind};
pub use process::{ClockSkew, Kill, Pause, Target};

use crate::decisions::Kept;
use crate::edn::Value;
use crate::net;
use crate::seed::ChaCha8Rng;

/// The parts of a run that a fault can affect.
#[non_exhaustive]
pub struct FaultContext<'a> {
    /// The names of the nodes; node *i* is endpoint *i* of the network.
    pub nodes: &'a [String],
    /// The network's faults.
    pub faults: Rc<RefCell<net::Faults>>,
    /// The nemesis' randomness.
    pub rng: &'a mut ChaCha8Rng,
    /// Actions on nodes, which the runner performs.
    pub actions: Vec<Action>,
    /// Warnings for the user, such as that a fault cannot have any effect.
    pub warnings: Vec<String>,
}

/// An action on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Ends the node at once; its memory is lost.
    Kill(usize),
    /// Starts the node again and initialises it.
    Restart(usize),
    /// Pauses the node.
    Pause(usize),
    /// Resumes a paused node.
    Resume(usize),
    /// Sets the node's wall clock off by this many milliseconds.
    SetClock(usize, i64),
    /// Sends the node a request with this body from a client of the workbench, which ignores the
    /// answer.
    Request(usize, serde_json::Value),
}

/// The record of what a fault did, for the history.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRecord {
    /// The function, such as `start-partition`.
    pub f: &'static str,
    /// The requested action.
    pub request: Value,
    /// The performed action.
    pub result: Value,
}

/// A fault that can be started and undone.
pub trait Fault {
    /// Starts the fault. It replaces what an earlier start left in force.
    fn start(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord;

    /// Undoes the fault; harmless if it is not in force.
    fn stop(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord;

    /// Describes the fault in a word or two, such as `loss 5 %`.
    fn name(&self) -> String;

    /// Starts and stops the fault in turn. The times between are uniform in [0, 2 · interval), and
    /// the first start is at once.
    fn every(self, interval: Duration) -> Schedule
    where
        Self: Sized + 'static,
    {
        Schedule::new(self, Timing::Every(interval))
    }

    /// Starts the fault with the run's main phase and stops it at its end.
    fn always(self) -> Schedule
    where
        Self: Sized + 'static,
    {
        Schedule::new(self, Timing::Between(Duration::ZERO, None))
    }

    /// Starts the fault at `from` and stops it at `to`, both counted from the run's origin.
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
    /// When the next start or stop is due; `None` if there is none.
    next_at: Option<Duration>,
    active: bool,
    /// Whether the latest start was left out.
    is_left_out: bool,
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
            is_left_out: false,
        }
    }
}

impl fmt::Display for Schedule {
    /// Writes the schedule in the form `loss 5 % every 2s`.
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
    kept_starts: Kept,
    start_count: u64,
}

impl Nemesis {
    /// Creates a nemesis that follows these schedules.
    pub fn new(schedules: Vec<Schedule>) -> Nemesis {
        Nemesis {
            schedules,
            ..Nemesis::default()
        }
    }

    /// Leaves out the starts of faults that are not kept, by their number.
    pub fn keep(self, kept_starts: Kept) -> Nemesis {
        Nemesis {
            kept_starts,
            ..self
        }
    }

    /// Returns how many faults were started, those that were left out included.
    pub fn start_count(&self) -> u64 {
        self.start_count
    }

    /// Returns whether no fault is in force and none will be.
    pub fn is_over(&self) -> bool {
        let over = |schedule: &Schedule| !schedule.active && schedule.next_at.is_none();
        self.schedules.iter().all(over)
    }

    /// Returns when the next fault starts or stops, counted from the run's origin.
    pub fn next_at(&self) -> Option<Duration> {
        self.schedules
            .iter()
            .filter_map(|schedule| schedule.next_at)
            .min()
    }

    /// Starts or stops the fault that is due first, if it is due by `now`. Returns `None` if none
    /// is due, or the start is left out.
    pub fn act(&mut self, now: Duration, cx: &mut FaultContext<'_>) -> Option<FaultRecord> {
        let due = |schedule: &&mut Schedule| schedule.next_at.is_some_and(|at| at <= now);
        let earliest = self.schedules.iter_mut().filter(due);
        let schedule = earliest.min_by_key(|schedule| schedule.next_at)?;
        let at = schedule.next_at?;
        schedule.active = !schedule.active;
        schedule.next_at = match schedule.timing {
            Timing::Every(interval) => Some(at + interval.mul_f64(2.0 * cx.rng.random::<f64>())),
            Timing::Between(_, to) if schedule.active => to,
            Timing::Between(..) => None,
        };
        if schedule.active {
            schedule.is_left_out = !self.kept_starts.contains(self.start_count);
            self.start_count += 1;
        }
        if schedule.is_left_out {
            return None;
        }
        Some(match schedule.active {
            true => schedule.fault.start(cx),
            false => schedule.fault.stop(cx),
        })
    }

    /// Stops every fault and cancels all further ones.
    pub fn heal(&mut self, cx: &mut FaultContext<'_>) -> Vec<FaultRecord> {
        let schedules = self.schedules.iter_mut();
        schedules
            .map(|schedule| {
                (schedule.active, schedule.next_at) = (false, None);
                schedule.fault.stop(cx)
            })
            .collect()
    }
}
