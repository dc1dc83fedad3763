//! The usual star: values wait a fixed time to share a message, and every batch is acknowledged.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use glomers::prelude::*;
use serde_json::value::RawValue;
use tokio::time::sleep;

use crate::flood::send_until_acknowledged;
use crate::values::Values;

/// The requests of clients and nodes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Request {
    Topology,
    Broadcast { message: i64 },
    Batch { messages: Vec<i64> },
    Read,
}

/// The replies to clients and nodes.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Reply {
    TopologyOk,
    BroadcastOk,
    BatchOk,
    ReadOk { messages: Rc<RawValue> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "batch")]
struct Batch {
    messages: Vec<i64>,
}

/// A node that forwards values in batches, over a star around the first node.
pub struct Batches {
    values: RefCell<Values>,
    waiting: RefCell<BTreeMap<NodeId, Vec<i64>>>,
    window: Duration,
}

impl Batches {
    /// Creates a node that forwards its new values once per `window`.
    pub fn new(window: Duration) -> Self {
        Self {
            values: RefCell::default(),
            waiting: RefCell::default(),
            window,
        }
    }

    fn learn(&self, message: i64, cx: &Context) {
        if !self.values.borrow_mut().insert(message) {
            return;
        }
        let hub = &cx.nodes()[0];
        let neighbours = if **hub == *cx.id() {
            cx.peers()
        } else {
            std::slice::from_ref(hub)
        };
        let mut waiting = self.waiting.borrow_mut();
        for neighbour in neighbours.iter().filter(|node| ***node != *cx.sender()) {
            waiting.entry(neighbour.clone()).or_default().push(message);
        }
    }
}

impl Node for Batches {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Reply> {
        Ok(match request {
            Request::Topology => Reply::TopologyOk,
            Request::Broadcast { message } => {
                self.learn(message, cx);
                Reply::BroadcastOk
            }
            Request::Batch { messages } => {
                for message in messages {
                    self.learn(message, cx);
                }
                Reply::BatchOk
            }
            Request::Read => Reply::ReadOk {
                messages: self.values.borrow_mut().as_json(),
            },
        })
    }

    async fn background(&self, cx: &Context) {
        loop {
            sleep(self.window).await;
            for (neighbour, messages) in self.waiting.take() {
                let batch = Batch { messages };
                cx.spawn(send_until_acknowledged(cx.clone(), neighbour, batch));
            }
        }
    }
}
