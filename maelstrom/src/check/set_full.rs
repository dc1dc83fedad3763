//! Sets that only grow: what was added is seen by all, in the end.
//!
//! Every read lists the whole set, so each read either shows an element or misses it. Compare, for
//! every element, the last read that showed it with the last one that missed it: if it was shown
//! last, it is stable, and its *stable latency* runs from the moment when it was known to exist to
//! the last read that missed it. If it was missed last although it was known before that read
//! began, it is lost. "Last" is by invocation, and an element is known from the first
//! acknowledgement or read of it on.
//!
//! The analysis is that of Jepsen's full set checker, and serves both the broadcast and the g-set
//! workload. Time is proportional to the number of elements and the length of all reads; only the sorting
//! of the elements adds a logarithm.

mod elements;
mod missing;
mod report;

#[cfg(test)]
mod definition;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::edn::Value;
use crate::history::{History, Kind, Operation, Process, quantile};
use crate::workload::Settings;

use elements::{Element, Elements, Read};

/// How many of the slowest elements the results show in full.
const WORST: usize = 8;

/// What became of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The last reads show it.
    Stable,
    /// The last reads miss it, though it was known.
    Lost,
    /// No read shows it, or none after those that miss it, and no read had to show it.
    NeverRead,
}

/// An element that some read missed after it was known.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StaleElement {
    /// The element.
    pub element: Value,
    /// How long it took until every read showed it.
    pub stable_latency: Duration,
    /// The first operation that proves its existence: its add, or a read.
    pub known: Operation,
    /// The invocation of the last read that missed it.
    pub last_absent: Operation,
}

/// What became of the elements of a run. Latencies are in whole milliseconds, rounded down.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SetAnalysis {
    /// How many elements were to be added.
    pub attempt_count: usize,
    /// How many of them are stable.
    pub stable_count: usize,
    /// The lost elements, ascending; any of them makes the run invalid.
    pub lost: Vec<Value>,
    /// The elements that no read was found to hold, ascending.
    pub never_read: Vec<Value>,
    /// The stable elements with a latency above zero, ascending.
    pub stale: Vec<Value>,
    /// The slowest of them, slowest first, and the greater first among equally slow ones.
    pub worst_stale: Vec<StaleElement>,
    /// The elements that one read listed several times, each with its highest number of copies.
    pub repeated: Vec<(Value, usize)>,
    stable_latencies: Vec<Duration>,
    stable_bounds: Vec<Duration>,
    lost_latencies: Vec<Duration>,
    explanation: Option<String>,
}

impl SetAnalysis {
    /// The `q`-quantile (0 to 1) of the latencies of stable elements, zeros included; `None` if no
    /// element is stable.
    pub fn stable_latency(&self, q: f64) -> Option<Duration> {
        quantile(&self.stable_latencies, q)
    }

    /// The `q`-quantile (0 to 1) of the times until the first read that shows an element after the
    /// last one that missed it was answered. The true time until every read shows the element lies
    /// between the stable latency and this bound: the further apart they are, the coarser the reads
    /// sampled.
    pub fn stable_latency_bound(&self, q: f64) -> Option<Duration> {
        quantile(&self.stable_bounds, q)
    }

    /// The `q`-quantile (0 to 1) of the times for which lost elements could be read.
    pub fn lost_latency(&self, q: f64) -> Option<Duration> {
        quantile(&self.lost_latencies, q)
    }
}

/// Follows every element that the function `add` (such as `broadcast`) adds, through all reads.
pub fn check(history: &History, add: &str) -> SetAnalysis {
    analyse(history, add, &|_| None)
}

/// The same of a run with known nodes, which the explanation names.
pub fn check_on(history: &History, add: &str, settings: &Settings) -> SetAnalysis {
    analyse(history, add, &|process| match process {
        Process::Client(process) => settings.node_of(process).map(str::to_owned),
        Process::Nemesis => None,
    })
}

/// The node that a process talks to, if that is known.
type NodeOf<'a> = dyn Fn(Process) -> Option<String> + 'a;

fn analyse(history: &History, add: &str, node_of: &NodeOf<'_>) -> SetAnalysis {
    let mut elements = Elements::new(history.len());
    let mut reads = Vec::new();
    for op in history.clients() {
        match (op.kind, history.invocation(op)) {
            (Kind::Invoke, _) if op.f == add => elements.insert(&op.value, op.index),
            (Kind::Ok, Some(invocation)) if op.f == add => {
                elements.acknowledge(&invocation.value, op.index);
            }
            (Kind::Ok, Some(invocation)) if op.f == "read" => {
                reads.push(Read {
                    listed: op.value.as_seq().unwrap_or_default(),
                    invocation: invocation.index,
                    completion: op.index,
                });
            }
            _ => {}
        }
    }
    elements.follow(reads);
    report::analyse(history, add, elements.sorted(), node_of)
}

impl Element<'_> {
    fn outcome(&self) -> Outcome {
        // `None`, no such read, is less than any index.
        if self.last_present > self.last_absent {
            Outcome::Stable
        } else if self.known.is_some() && self.last_absent > self.known {
            Outcome::Lost
        } else {
            Outcome::NeverRead
        }
    }

    /// From the moment when the element was known to just after `read` began; zero without a read
    /// or if that is earlier.
    fn latency(&self, history: &History, read: Option<usize>) -> Duration {
        let time = |index: Option<usize>| index.and_then(|i| history.get(i)).map(|op| op.time);
        let end = time(read).map_or(Duration::ZERO, |time| time + Duration::from_nanos(1));
        let latency = end.saturating_sub(time(self.known).unwrap_or_default());
        Duration::from_millis(latency.as_millis() as u64)
    }
}
