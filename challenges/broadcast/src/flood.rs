//! The simplest strategy: every value crosses every edge of a graph.
//!
//! A node that learns a value forwards it to all neighbours but the one it came from. The graph
//! decides the cost. Whether a node repeats a message until it is acknowledged decides which faults
//! it survives.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use glomers::prelude::*;
use serde_json::value::RawValue;

use crate::values::Values;

/// The graph whose edges carry the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graph {
    /// The graph that the `topology` message describes.
    Topology,
    /// A tree with four children per node.
    Tree,
    /// A star around the first node of the list.
    Star,
}

impl Graph {
    /// Returns the node's neighbours, or none if the `topology` message names them later.
    fn neighbours(self, cx: &Context) -> Vec<NodeId> {
        let arity = match self {
            Self::Topology => return Vec::new(),
            Self::Tree => 4,
            Self::Star => cx.nodes().len().max(1),
        };
        let parent_of = |node: usize| node.checked_sub(1).map(|before| before / arity);
        let me = cx.nodes().iter().position(|node| **node == *cx.id());
        let adjacent = |&other: &usize| {
            me.is_some_and(|me| parent_of(me) == Some(other) || parent_of(other) == Some(me))
        };
        let places = (0..cx.nodes().len()).filter(adjacent);
        places.map(|place| cx.nodes()[place].clone()).collect()
    }
}

/// The requests of clients and nodes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Request {
    Topology {
        topology: BTreeMap<String, Vec<String>>,
    },
    Broadcast {
        message: i64,
    },
    Forward {
        message: i64,
    },
    Read,
}

/// The replies to clients and nodes.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Reply {
    TopologyOk,
    BroadcastOk,
    ForwardOk,
    ReadOk { messages: Rc<RawValue> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "forward")]
struct Forward {
    message: i64,
}

/// A node that forwards every value in a message of its own.
pub struct Flood {
    values: RefCell<Values>,
    neighbours: RefCell<Vec<NodeId>>,
    graph: Graph,
    retries: bool,
}

impl Flood {
    /// Creates a node. If it `retries`, it repeats each message until it is acknowledged.
    pub fn new(cx: &Context, graph: Graph, retries: bool) -> Self {
        Self {
            values: RefCell::default(),
            neighbours: RefCell::new(graph.neighbours(cx)),
            graph,
            retries,
        }
    }

    fn learn(&self, message: i64, cx: &Context) {
        if !self.values.borrow_mut().insert(message) {
            return;
        }
        for neighbour in self.neighbours.borrow().iter() {
            if **neighbour == *cx.sender() {
                continue;
            }
            if self.retries {
                cx.spawn(send_until_acknowledged(
                    cx.clone(),
                    neighbour.clone(),
                    Forward { message },
                ));
            } else {
                cx.send(neighbour, &Forward { message });
            }
        }
    }
}

/// Sends a request until it is acknowledged.
pub(crate) async fn send_until_acknowledged(
    cx: Context,
    neighbour: NodeId,
    request: impl Serialize,
) {
    let attempt = async || cx.call::<Value>(&neighbour, &request).await;
    if let Err(error) = cx.retry(Backoff::default(), attempt).await {
        cx.log(&format!("{neighbour} rejected a message: {error}"));
    }
}

impl Node for Flood {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Reply> {
        Ok(match request {
            Request::Topology { topology } => {
                if self.graph == Graph::Topology {
                    let named = topology.get(cx.id()).into_iter().flatten();
                    *self.neighbours.borrow_mut() =
                        named.map(|node| node.as_str().into()).collect();
                }
                Reply::TopologyOk
            }
            Request::Broadcast { message } => {
                self.learn(message, cx);
                Reply::BroadcastOk
            }
            Request::Forward { message } => {
                self.learn(message, cx);
                Reply::ForwardOk
            }
            Request::Read => Reply::ReadOk {
                messages: self.values.borrow_mut().as_json(),
            },
        })
    }
}
