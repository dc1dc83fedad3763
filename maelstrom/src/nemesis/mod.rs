//! The nemesis: what goes wrong during a run, and when.
//!
//! A [`Fault`] is a value that can start and stop; a [`Schedule`] says when it does. Schedules
//! compose: a run may have any number of them, each with its own clock, also of one kind of fault.
//! The kinds that have a name on the command line are listed in [`Faults`].

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

use crate::edn::Value;
use crate::net;
use crate::runner::Kept;
use crate::seed::ChaCha8Rng;

/// What a fault can reach.
pub struct FaultContext<'a> {
    /// The names of the nodes; node *i* is endpoint *i* of the network.
    pub nodes: &'a [String],
    /// The network's faults.
    pub faults: Rc<RefCell<net::Faults>>,
    /// The nemesis' randomness.
    pub rng: &'a mut ChaCha8Rng,
    /// What to do to nodes; the runner does it.
    pub actions: Vec<Action>,
    /// What the user should know about the faults, such as that one cannot have any effect.
    pub warnings: Vec<String>,
}

/// Something done to a node from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ends the node at once; its memory is lost.
    Kill(usize),
    /// Starts the node again and initialises it.
    Restart(usize),
    /// Stops the node from running.
    Pause(usize),
    /// Lets a paused node run on.
    Resume(usize),
    /// Sets the node's wall clock off by this many milliseconds.
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
    /// What was done.
    pub result: Value,
}

/// Something that can go wrong and be undone.
pub trait Fault {
    /// Starts the fault, in place of what an earlier start of it left in force.
    fn start(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord;

    /// Undoes whatever of the fault is in force; harmless if nothing is.
    fn stop(&mut self, cx: &mut FaultContext<'_>) -> FaultRecord;

    /// Describes the fault in a word or two, such as `loss 5 %`.
    fn name(&self) -> String;

    /// Starts and stops by turns: the times between are uniform in [0, 2 · interval), and the first
    /// start is at once.
    fn every(self, interval: Duration) -> Schedule
    where
        Self: Sized + 'static,
    {
        Schedule::new(self, Timing::Every(interval))
    }

    /// Starts with the run's main phase and stops at its end.
    fn always(self) -> Schedule
    where
        Self: Sized + 'static,
    {
        Schedule::new(self, Timing::Between(Duration::ZERO, None))
    }

    /// Starts at `from` and stops at `to`, both counted from the run's origin.
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

    /// Whether there are no faults at all.
    pub fn is_idle(&self) -> bool {
        self.schedules.is_empty()
    }

    /// Whether no fault is in force and none will be.
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

    /// Starts or stops the fault whose time comes first, if that is not after `now`. Returns `None` if
    /// there is none, or it is left out.
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

    /// Stops every fault for good.
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
