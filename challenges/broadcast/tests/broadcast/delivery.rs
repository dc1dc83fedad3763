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
use serde_json::Value;

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
        let mut replay = Replay::default();
        for event in run.journal().events() {
            replay.take(event);
        }
        assert!(!replay.acknowledged.is_empty(), "the run recorded no value");
        let origin = run.journal().origin();
        let delivery = |(value, &(node, at)): (&i64, &(EndpointId, Duration))| {
            let reached = replay.reached.get(value);
            let others = reached.map_or(0, |nodes| nodes.keys().filter(|it| **it != node).count());
            assert_eq!(
                others + 1,
                nodes,
                "value {value} has not reached every node"
            );
            let last = reached.and_then(|nodes| nodes.values().max()).copied();
            (at - origin, last.unwrap_or(at).saturating_sub(at))
        };
        let mut times: Vec<_> = replay.acknowledged.iter().map(delivery).collect();
        times.sort_unstable_by_key(|(_, time)| *time);
        Self { times }
    }

    /// The time within which this fraction of the values has reached every node.
    pub fn quantile(&self, fraction: f64) -> Duration {
        let last = self.times.len() - 1;
        self.times[((fraction * self.times.len() as f64) as usize).min(last)].1
    }

    /// The number of values.
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// The longest time that a value acknowledged by `end` took from then on to reach every node.
    pub fn last_after(&self, end: Duration) -> Duration {
        let old = self.times.iter().filter(|(at, _)| *at <= end);
        let ends = old.map(|(at, time)| (*at + *time).saturating_sub(end));
        ends.max().expect("a value was acknowledged before")
    }

    /// The longest time.
    pub fn max(&self) -> Duration {
        self.quantile(1.0)
    }

    /// The times of the values acknowledged from `start` on.
    pub fn since(&self, start: Duration) -> Self {
        let times = self.times.iter().filter(|(at, _)| *at >= start);
        Self {
            times: times.copied().collect(),
        }
    }
}

/// What the messages seen so far say about values.
#[derive(Default)]
struct Replay {
    /// Broadcast requests without an answer, by client and message id.
    requests: BTreeMap<(EndpointId, u64), i64>,
    /// The node that acknowledged a value first, and when.
    acknowledged: BTreeMap<i64, (EndpointId, Duration)>,
    /// The nodes that received a value from another node, and when.
    reached: BTreeMap<i64, BTreeMap<EndpointId, Duration>>,
    /// How much of each origin's log a node holds, by node and origin.
    held: BTreeMap<(EndpointId, String), u64>,
    /// Runs that arrived before the run they continue.
    early: BTreeMap<(EndpointId, String), BTreeSet<(u64, Vec<i64>)>>,
}

impl Replay {
    fn take(&mut self, event: &Event) {
        let message = &event.message;
        let body = serde_json::from_str(&message.body);
        let body: Value = body.expect("bodies are JSON");
        let number = |field: &str| body[field].as_u64().expect("a number");
        match (body["type"].as_str(), event.kind) {
            (Some("broadcast"), EventKind::Send) => {
                let value = body["message"].as_i64().expect("values are integers");
                self.requests.insert((message.src, number("msg_id")), value);
            }
            (Some("broadcast_ok"), EventKind::Receive) => {
                let request = (message.dest, number("in_reply_to"));
                let value = self.requests.remove(&request).expect("a known request");
                let first = (message.src, event.time);
                self.acknowledged.entry(value).or_insert(first);
            }
            (Some("gossip"), EventKind::Receive) => {
                for run in body["news"].as_array().into_iter().flatten() {
                    self.take_run(message.dest, run, event.time);
                }
            }
            _ => {}
        }
    }

    fn take_run(&mut self, node: EndpointId, run: &Value, at: Duration) {
        let key = (node, run["origin"].to_string());
        let items = run["items"].as_array().into_iter().flatten();
        let items: Vec<i64> = items.filter_map(Value::as_i64).collect();
        let after = run["after"].as_u64().expect("runs begin somewhere");
        let early = self.early.entry(key.clone()).or_default();
        early.insert((after, items));
        let held = self.held.entry(key).or_default();
        while let Some((after, items)) = early.pop_first() {
            if after > *held {
                early.insert((after, items));
                break;
            }
            for (number, item) in (after + 1..).zip(items) {
                if number > *held {
                    let nodes = self.reached.entry(item).or_default();
                    nodes.entry(node).or_insert(at);
                    *held = number;
                }
            }
        }
    }
}
