//! Challenge 1: echo.
//!
//! The smallest node: an enum of requests, an enum of replies, and a handler. All of it is in this
//! file; `main.rs` runs the node.

use glomers::prelude::*;

/// A request of a client.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Asks for the same value in the reply.
    Echo {
        /// Any JSON.
        echo: Value,
    },
}

/// A reply to a client.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// Answers an `echo`.
    EchoOk {
        /// The value of the request.
        echo: Value,
    },
}

/// A node without state.
pub struct Echo;

impl Node for Echo {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, Request::Echo { echo }: Request, _: &Context) -> Result<Reply> {
        Ok(Reply::EchoOk { echo })
    }
}
