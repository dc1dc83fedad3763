//! The true delivery times of a run: from the acknowledgement of a value to its arrival at the last
//! node.
//!
//! Stable latencies see a value only where a read happens to sample it. Here the journal of all
//! messages is replayed: a node knows a value once it holds a prefix of the origin's log that
//! contains it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eddy::net::{EndpointId, Event, EventKind};
use eddy::simulation::Run;
use serde::Deserialize;

/// The delivery time of every acknowledged value of a run.
pub struct DeliveryTimes {
    /// The time of the acknowledgement since the history began, and the time from then until the
    /// last node knows the value, in ascending order of the latter.
    times: Vec<(Duration, Duration)>,
}

impl DeliveryTimes {
    /// Replays the messages of a run.
    ///
    /// # Panics
    ///
    /// If the run did not record all messages, or an acknowledged value has not reached every node.
    pub fn of(run: &Run, nodes: usize) -> Self {
        Self::among(run, nodes, &[])
    }

    /// Replays the messages of a run, without the values that nodes of `down` acknowledged, and until the
    /// arrival at the last of the other nodes.
    ///
    /// # Panics
    ///
    /// As [`DeliveryTimes::of`].
    pub fn among(run: &Run, nodes: usize, down: &[usize]) -> Self {
        let is_down = |node: &EndpointId| down.contains(&node.index());
        let mut replay = Replay::default();
        for event in run.journal().events() {
            replay.take(event);
        }
        assert!(!replay.acknowledged.is_empty(), "the run recorded no value");
        let origin = run.journal().origin();
        let delivery = |(value, &(node, at)): (&i64, &(EndpointId, Duration))| {
            let reached = replay.reached.get(value).into_iter().flatten();
            let reached = reached.filter(|(it, _)| **it != node && !is_down(it));
            assert_eq!(
                reached.clone().count() + 1 + down.len(),
                nodes,
                "value {value} has not reached every node"
            );
            let last = reached.map(|(_, arrival)| *arrival).max();
            (at - origin, last.unwrap_or(at).saturating_sub(at))
        };
        let counted = replay.acknowledged.iter();
        let counted = counted.filter(|(_, (node, _))| !is_down(node));
        let mut times: Vec<_> = counted.map(delivery).collect();
        times.sort_unstable_by_key(|(_, time)| *time);
        Self { times }
    }

    /// Returns the time within which this fraction of the values has reached every node.
    pub fn quantile(&self, fraction: f64) -> Duration {
        let last = self.times.len() - 1;
        self.times[((fraction * self.times.len() as f64) as usize).min(last)].1
    }

    /// Returns the number of values.
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// Returns the longest time after `end` that a value acknowledged by then took to reach every
    /// node.
    pub fn last_after(&self, end: Duration) -> Duration {
        let old = self.times.iter().filter(|(at, _)| *at <= end);
        let ends = old.map(|(at, time)| (*at + *time).saturating_sub(end));
        ends.max().expect("a value was acknowledged before")
    }

    /// Returns the longest time.
    pub fn max(&self) -> Duration {
        self.quantile(1.0)
    }

    /// Returns the times of the values acknowledged from `start` on.
    pub fn since(&self, start: Duration) -> Self {
        let times = self.times.iter().filter(|(at, _)| *at >= start);
        Self {
            times: times.copied().collect(),
        }
    }
}

/// Runs of values, each with the number of its first value.
type Batches = BTreeSet<(u64, Vec<i64>)>;

/// What the messages seen so far say about values.
#[derive(Default)]
struct Replay {
    /// Broadcast requests without an answer, by client and message id.
    requests: BTreeMap<(EndpointId, u64), i64>,
    /// The node that acknowledged a value first, and when.
    acknowledged: BTreeMap<i64, (EndpointId, Duration)>,
    /// The nodes that received a value from another node, and when.
    reached: BTreeMap<i64, BTreeMap<EndpointId, Duration>>,
    /// The length of the prefix of each origin's log that a node holds, by node and origin.
    held: BTreeMap<(EndpointId, (usize, u32)), u64>,
    /// Runs that arrived before the run they continue.
    early: BTreeMap<(EndpointId, (usize, u32)), Batches>,
}

/// The fields of a message body that matter here.
#[derive(Deserialize)]
struct Body {
    r#type: String,
    msg_id: Option<u64>,
    in_reply_to: Option<u64>,
    message: Option<i64>,
    #[serde(default)]
    news: Vec<RunOfItems>,
}

/// A run of an origin's log, which begins after the item of this number.
#[derive(Deserialize)]
struct RunOfItems {
    origin: (usize, u32),
    after: u64,
    items: Vec<i64>,
}

impl Replay {
    fn take(&mut self, event: &Event) {
        let message = &event.message;
        let body: Body = serde_json::from_str(&message.body).expect("bodies are JSON");
        match (body.r#type.as_str(), event.kind) {
            ("broadcast", EventKind::Send) => {
                let id = body.msg_id.expect("requests have ids");
                let value = body.message.expect("broadcasts have a value");
                self.requests.insert((message.src, id), value);
            }
            ("broadcast_ok", EventKind::Receive) => {
                let id = body.in_reply_to.expect("replies name their request");
                let value = self.requests.remove(&(message.dest, id));
                let first = (message.src, event.time);
                let value = value.expect("replies answer a request");
                self.acknowledged.entry(value).or_insert(first);
            }
            ("gossip", EventKind::Receive) => {
                for run in body.news {
                    self.take_run(message.dest, run, event.time);
                }
            }
            _ => {}
        }
    }

    fn take_run(&mut self, node: EndpointId, run: RunOfItems, at: Duration) {
        let key = (node, run.origin);
        let held = self.held.entry(key).or_default();
        if run.after > *held {
            let early = self.early.entry(key).or_default();
            early.insert((run.after, run.items));
            return;
        }
        let mut next = Some((run.after, run.items));
        while let Some((after, items)) = next.take() {
            for (number, item) in (after + 1..).zip(items) {
                if number > *held {
                    let nodes = self.reached.entry(item).or_default();
                    nodes.entry(node).or_insert(at);
                    *held = number;
                }
            }
            if let Some(early) = self.early.get_mut(&key)
                && early.first().is_some_and(|(after, _)| *after <= *held)
            {
                next = early.pop_first();
            }
        }
    }
}
