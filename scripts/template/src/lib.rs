//! Challenge: @NAME@.
//!
//! What it is for, and the one idea behind it.

use glomers::prelude::*;

/// What clients and nodes ask.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Say this again.
    Echo {
        /// Anything.
        echo: Value,
    },
}

/// What they are answered.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// The same again.
    EchoOk {
        /// What was asked for.
        echo: Value,
    },
}

/// A node of the cluster. State goes here, in `Cell` and `RefCell`.
pub struct @TYPE@;

impl @TYPE@ {
    /// The node that `cx` is about: its name, its peers, its services.
    pub fn new(_cx: &Context) -> Self {
        Self
    }
}

impl Node for @TYPE@ {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, request: Request, _cx: &Context) -> Result<Reply> {
        match request {
            Request::Echo { echo } => Ok(Reply::EchoOk { echo }),
        }
    }

    /// What the node does by itself: gossip, timers.
    async fn background(&self, _cx: &Context) {}
}
