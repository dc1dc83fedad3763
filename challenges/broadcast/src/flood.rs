//! Where the story begins: every value crosses every edge of a graph.
//!
//! A node that learns a value passes it on to its neighbours, all but the one it came from. What
//! the graph is decides what that costs; whether a node insists decides what it survives.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use glomers::prelude::*;
use serde_json::value::RawValue;

use crate::values::Values;

/// Who is whose neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graph {
    /// What the `topology` message says.
    Told,
    /// A tree of four children per node.
    Tree,
    /// The first node of the list, and everybody else around it.
    Star,
}

impl Graph {
    /// The node's neighbours, unless somebody else has to tell.
    fn neighbours(self, cx: &Context) -> Vec<NodeId> {
        let arity = match self {
            Self::Told => return Vec::new(),
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

/// What clients and nodes ask.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)]
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

/// What they are answered.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)]
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

/// Passes on every value by itself.
pub struct Flood {
    values: RefCell<Values>,
    neighbours: RefCell<Vec<NodeId>>,
    graph: Graph,
    insists: bool,
}

impl Flood {
    /// A node that sends each value once; one that `insists` sends it until it is acknowledged.
    pub fn new(cx: &Context, graph: Graph, insists: bool) -> Self {
        Self {
            values: RefCell::default(),
            neighbours: RefCell::new(graph.neighbours(cx)),
            graph,
            insists,
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
            if self.insists {
                cx.spawn(insist(cx.clone(), neighbour.clone(), Forward { message }));
            } else {
                cx.send(neighbour, &Forward { message });
            }
        }
    }
}

/// Sends a request until it is acknowledged.
pub(crate) async fn insist(cx: Context, neighbour: NodeId, request: impl Serialize) {
    let attempt = async || cx.call::<Value>(&neighbour, &request).await;
    if let Err(error) = cx.retry(Backoff::default(), attempt).await {
        cx.log(&format!("{neighbour} refuses what it is told: {error}"));
    }
}

impl Node for Flood {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Reply> {
        Ok(match request {
            Request::Topology { topology } => {
                if self.graph == Graph::Told {
                    let told = topology.get(cx.id()).into_iter().flatten();
                    *self.neighbours.borrow_mut() = told.map(|node| node.as_str().into()).collect();
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
