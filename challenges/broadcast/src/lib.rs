//! Challenges 3a to 3e: every value sent to one node must reach all nodes.
//!
//! The hard part, delivering every value with few messages and despite faults, is shared with other
//! challenges and lives in the crate [`dissemination`]. This module keeps the set of values and
//! answers clients. [`flood`] and [`batches`] are the simpler strategies that the README starts
//! from; read them first.

pub mod batches;
pub mod flood;
mod values;

use std::cell::RefCell;
use std::rc::Rc;

use dissemination::{Dissemination, Gossip};
use glomers::prelude::*;
use serde_json::value::RawValue;

pub use dissemination::Windows;
use values::Values;

/// The requests of clients and nodes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Request {
    Topology,
    Broadcast { message: i64 },
    Read,
    Gossip(Gossip<i64>),
}

/// The replies to clients.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Reply {
    TopologyOk,
    BroadcastOk,
    ReadOk { messages: Rc<RawValue> },
}

/// A node that delivers every value to all nodes.
pub struct Broadcast {
    values: RefCell<Values>,
    spread: Dissemination<i64>,
}

impl Broadcast {
    /// Creates a node whose values wait to share messages as long as `windows` allows.
    pub fn new(cx: &Context, windows: Windows) -> Self {
        Self {
            values: RefCell::default(),
            spread: Dissemination::new(cx, windows),
        }
    }
}

glomers::compile_once!(Broadcast);

impl Node for Broadcast {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        Ok(match request {
            Request::Topology => Some(Reply::TopologyOk),
            Request::Broadcast { message } => {
                // A value that this node knows has been published before.
                if self.values.borrow_mut().insert(message) {
                    self.spread.publish(message);
                }
                Some(Reply::BroadcastOk)
            }
            Request::Read => Some(Reply::ReadOk {
                messages: self.values.borrow_mut().as_json(),
            }),
            Request::Gossip(gossip) => {
                let mut values = self.values.borrow_mut();
                for (_, value) in self.spread.handle(cx.sender(), gossip) {
                    values.insert(value);
                }
                None
            }
        })
    }

    async fn background(&self, cx: &Context) {
        self.spread.run(cx).await;
    }
}
