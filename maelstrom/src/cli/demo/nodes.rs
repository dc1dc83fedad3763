//! The nodes of the demonstration: a broadcast with a mistake, and the same without it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use glomers::prelude::*;

/// A request of a client or a neighbour.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Topology {
        topology: BTreeMap<String, Vec<String>>,
    },
    Broadcast {
        message: Value,
    },
    Read,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    TopologyOk,
    BroadcastOk,
    ReadOk { messages: Vec<Value> },
}

/// A node that passes each value on to its neighbours.
struct Broadcast {
    /// Whether it also passes on the values that come from a neighbour: without that a value gets no
    /// further than one hop.
    forwards: bool,
    neighbours: RefCell<Vec<String>>,
    /// Every value received, as JSON text.
    seen: RefCell<BTreeSet<String>>,
    values: RefCell<Vec<Value>>,
}

impl Broadcast {
    fn new(forwards: bool) -> Broadcast {
        Broadcast {
            forwards,
            neighbours: RefCell::default(),
            seen: RefCell::default(),
            values: RefCell::default(),
        }
    }

    fn receive(&self, message: Value, cx: &Context) {
        if !self.seen.borrow_mut().insert(message.to_string()) {
            return;
        }
        self.values.borrow_mut().push(message.clone());
        let is_from_client = !cx.nodes().iter().any(|node| **node == *cx.sender());
        // The mistake: `if is_from_client`.
        if is_from_client || self.forwards {
            for neighbour in self.neighbours.borrow().iter() {
                if *neighbour != *cx.sender() {
                    let message = message.clone();
                    cx.send(neighbour, &Request::Broadcast { message });
                }
            }
        }
    }
}

impl Node for Broadcast {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Reply> {
        Ok(match request {
            Request::Topology { mut topology } => {
                *self.neighbours.borrow_mut() = topology.remove(cx.id()).unwrap_or_default();
                Reply::TopologyOk
            }
            Request::Broadcast { message } => {
                self.receive(message, cx);
                Reply::BroadcastOk
            }
            Request::Read => Reply::ReadOk {
                messages: self.values.borrow().clone(),
            },
        })
    }
}

/// Runs this process as a node of the demonstration.
pub(super) fn run(forwards: bool) -> std::process::ExitCode {
    glomers::run(move |_: &Context| Broadcast::new(forwards))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::net::Latency;
    use crate::simulation::{Load, Simulation, ms, secs};
    use crate::workload::{Broadcast as BroadcastWorkload, Topology};

    fn verdict(forwards: bool) -> Verdict {
        let load = Load::of(BroadcastWorkload)
            .topology(Topology::Line)
            .rate(30.0)
            .time_limit(secs(3));
        let run = Simulation::new(7)
            .nodes(5, move |_: &Context| Broadcast::new(forwards))
            .latency(Latency::constant(ms(20)))
            .run(load);
        run.verdict()
    }

    #[test]
    fn node_with_the_mistake_is_invalid_and_the_other_one_is_valid() {
        assert_eq!(verdict(false), Verdict::Invalid);
        assert_eq!(verdict(true), Verdict::Valid);
    }
}
