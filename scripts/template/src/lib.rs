//! Challenge: @NAME@.
//!
//! The problem, and the idea of the solution.

use glomers::prelude::*;

/// The requests of clients and other nodes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A request to return a value.
    Echo {
        /// The value to return.
        echo: Value,
    },
}

/// The replies.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// The reply to `echo`.
    EchoOk {
        /// The value of the request.
        echo: Value,
    },
}

/// A node of the cluster. Keep its state here, in `Cell` and `RefCell`.
pub struct @TYPE@;

impl @TYPE@ {
    /// Creates a node. `cx` knows its id, its peers and its services.
    pub fn new(_cx: &Context) -> Self {
        Self
    }
}

glomers::compile_once!(@TYPE@);

impl Node for @TYPE@ {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, request: Request, _cx: &Context) -> Result<Reply> {
        match request {
            Request::Echo { echo } => Ok(Reply::EchoOk { echo }),
        }
    }

    /// Runs concurrently with the handlers: gossip, timers.
    async fn background(&self, _cx: &Context) {}
}
