//! Nodes that send messages to each other all the time, independently of clients.
//!
//! The number of messages does not affect the size of the history, so a long run shows how much memory
//! the workbench itself retains.

use std::time::Duration;

use glomers::prelude::*;

/// The time between two rounds of messages.
const ROUND_INTERVAL: Duration = Duration::from_millis(1);

/// The requests of clients and nodes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A client's request.
    Echo {
        /// The value to return.
        echo: Value,
    },
    /// A message from another node; it has no reply.
    Chat,
}

/// The replies to clients.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// The reply to `echo`.
    EchoOk {
        /// The value of the request.
        echo: Value,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "chat")]
struct Chat {}

/// A node that sends a message to every other node each round, and echoes for clients.
pub struct Chatter;

impl Node for Chatter {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, _: &Context) -> Result<Option<Reply>> {
        Ok(match request {
            Request::Echo { echo } => Some(Reply::EchoOk { echo }),
            Request::Chat => None,
        })
    }

    async fn background(&self, cx: &Context) {
        loop {
            tokio::time::sleep(ROUND_INTERVAL).await;
            for peer in cx.peers() {
                cx.send(peer, &Chat {});
            }
        }
    }
}
