//! Nodes that send messages to each other all the time, independently of clients.
//!
//! The number of messages does not affect the size of the history, so a long run shows how much memory
//! the workbench itself retains.

use std::time::Duration;

use glomers::prelude::*;

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

/// A node that sends a message to others each round, and echoes for clients.
#[derive(Clone, Copy)]
pub struct Chatter {
    /// The time between two rounds.
    pub interval: Duration,
    /// The number of nodes to which a node sends each round: those after it, in a ring.
    pub receivers: usize,
}

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
        let nodes = cx.nodes();
        let own = nodes.iter().position(|node| **node == *cx.id());
        let after = own.map_or(0, |own| own + 1);
        let receivers: Vec<_> = nodes
            .iter()
            .cycle()
            .skip(after)
            .take(self.receivers)
            .collect();
        loop {
            tokio::time::sleep(self.interval).await;
            for receiver in &receivers {
                cx.send(receiver, &Chat {});
            }
        }
    }
}
