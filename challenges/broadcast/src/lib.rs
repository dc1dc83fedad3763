//! Challenges 3a to 3e: every value told to one node must reach all of them.
//!
//! What is hard about it, getting every value everywhere for few messages and in spite of faults,
//! is shared with other challenges and lives in the crate [`dissemination`]. What is left here is
//! the set of values itself. [`flood`] and [`batches`] are the steps that led there.

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

/// What clients and nodes ask.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Request {
    Topology,
    Broadcast { message: i64 },
    Read,
    Gossip(Gossip<i64>),
}

/// What clients are answered.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Reply {
    TopologyOk,
    BroadcastOk,
    ReadOk { messages: Rc<RawValue> },
}

/// Tells every node every value.
pub struct Broadcast {
    values: RefCell<Values>,
    spread: Dissemination<i64>,
}

impl Broadcast {
    /// A node that makes its values wait for each other as long as `windows` allows.
    pub fn new(cx: &Context, windows: Windows) -> Self {
        Self {
            values: RefCell::default(),
            spread: Dissemination::new(cx, windows),
        }
    }
}

impl Node for Broadcast {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        Ok(match request {
            Request::Topology => Some(Reply::TopologyOk),
            Request::Broadcast { message } => {
                // A value that is known is on its way already.
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
