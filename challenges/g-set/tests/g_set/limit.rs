//! The earliest time at which an element can be everywhere, given the partitions of a run.
//!
//! A partition delays every element by a time that no implementation can shorten. The latency of an
//! element is therefore the sum of two: the time that the network needs, and the time that the set
//! adds. This module computes the first from the history, for each element, as if every node sent
//! everything to every other node all the time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eddy::edn::Value;
use eddy::history::{Kind, Operation, Process};
use eddy::simulation::Run;

/// The number of nodes of every run.
pub const NODES: usize = 5;

/// The latency of a message.
pub const HOP: Duration = Duration::from_millis(100);

/// Returns three medians over all elements, from the acknowledgement of an element: the time until
/// no read misses it any more, the earliest time at which every node could know it, and the
/// difference of the two.
pub fn median_latencies(run: &Run) -> [Duration; 3] {
    let cuts = Cuts::of(run);
    let missed = last_misses(run);
    let times = succeeded(run, "add").map(|(add, ack)| {
        let missed = missed.get(&number(&ack.value)).copied();
        let stable = missed.map_or(Duration::ZERO, |at| at.saturating_sub(ack.time));
        let limit = cuts.everywhere(node_of(add), ack.time) - ack.time;
        [stable, limit, stable.saturating_sub(limit)]
    });
    let times: Vec<_> = times.collect();
    [0, 1, 2].map(|which| {
        let mut times: Vec<Duration> = times.iter().map(|times| times[which]).collect();
        times.sort_unstable();
        times[times.len() / 2]
    })
}

/// Returns the node that the client of an operation talks to.
pub fn node_of(operation: &Operation) -> usize {
    match operation.process {
        Process::Client(process) => process as usize % NODES,
        Process::Nemesis => unreachable!("the nemesis is no client"),
    }
}

/// Returns the elements in the reply to a read.
pub fn elements(read: &Operation) -> BTreeSet<i64> {
    match &read.value {
        Value::Vector(seen) => seen.iter().map(number).collect(),
        _ => panic!("a read returns a vector: {read:?}"),
    }
}

fn number(value: &Value) -> i64 {
    value.as_int().expect("elements are integers")
}

fn succeeded<'a>(run: &'a Run, f: &'a str) -> impl Iterator<Item = (&'a Operation, &'a Operation)> {
    let pairs = run.history().pairs().filter(move |(op, _)| op.f == f);
    let pairs = pairs.filter_map(|(op, completion)| Some((op, completion?)));
    pairs.filter(|(_, completion)| completion.kind == Kind::Ok)
}

/// Returns, for each element, the invocation time of the last read that did not contain it.
fn last_misses(run: &Run) -> BTreeMap<i64, Duration> {
    let adds = succeeded(run, "add").map(|(_, ack)| number(&ack.value));
    let mut pending: BTreeSet<i64> = adds.collect();
    let mut misses = BTreeMap::new();
    let mut reads: Vec<_> = succeeded(run, "read").collect();
    reads.sort_by_key(|(read, _)| std::cmp::Reverse(read.time));
    for (read, answer) in reads {
        let seen = elements(answer);
        for missing in pending.difference(&seen) {
            misses.insert(*missing, read.time);
        }
        pending.retain(|element| seen.contains(element));
    }
    misses
}

/// The cuts of a run: from each time on, the pairs of nodes of which the first receives nothing from
/// the second.
struct Cuts(Vec<(Duration, BTreeSet<(usize, usize)>)>);

impl Cuts {
    fn of(run: &Run) -> Self {
        let mut cuts = vec![(Duration::ZERO, BTreeSet::new())];
        for op in run.history().iter() {
            match &*op.f {
                "stop-partition" => cuts.push((op.time, BTreeSet::new())),
                "start-partition" => {
                    cuts.extend(blocked(&op.value).map(|blocked| (op.time, blocked)))
                }
                _ => {}
            }
        }
        Self(cuts)
    }

    /// Returns the time at which a message that one node repeats from `at` on can reach another.
    fn opens(&self, from: usize, to: usize, at: Duration) -> Duration {
        let ends = self.0.iter().skip(1).map(|(begin, _)| *begin);
        let phases = self.0.iter().zip(ends.chain([Duration::MAX]));
        let mut open =
            phases.filter(|((_, blocked), end)| *end > at && !blocked.contains(&(to, from)));
        let ((begin, _), _) = open.next().expect("every partition is healed in the end");
        at.max(*begin)
    }

    /// Returns the earliest time at which every node can hold what one node holds at `at`.
    fn everywhere(&self, origin: usize, at: Duration) -> Duration {
        let mut reached = [Duration::MAX; NODES];
        reached[origin] = at;
        // A path has at most one hop less than there are nodes.
        for _ in 1..NODES {
            for from in 0..NODES {
                for to in 0..NODES {
                    if from != to && reached[from] < Duration::MAX {
                        let arrival = self.opens(from, to, reached[from]) + HOP;
                        reached[to] = reached[to].min(arrival);
                    }
                }
            }
        }
        reached.into_iter().max().expect("there are nodes")
    }
}

/// Parses `[:isolated {"n1" #{"n2"}}]`, which says that `n1` receives nothing from `n2`, into pairs.
fn blocked(value: &Value) -> Option<BTreeSet<(usize, usize)>> {
    let [_, Value::Map(isolated)] = value.as_seq()? else {
        return None;
    };
    let node = |name: &Value| name.as_str()?.strip_prefix('n')?.parse().ok();
    let mut blocked = BTreeSet::new();
    for (receiver, senders) in isolated {
        let Value::Set(senders) = senders else {
            return None;
        };
        for sender in senders.iter() {
            blocked.insert((node(receiver)?, node(sender)?));
        }
    }
    Some(blocked)
}
