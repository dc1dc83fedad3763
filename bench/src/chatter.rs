//! Nodes that talk to each other all the time, whatever clients do.
//!
//! Other workloads make histories grow with their messages. Here they do not, so a run of any
//! length tells what the bench itself keeps.

use std::time::Duration;

use glomers::prelude::*;

/// Between two rounds.
const ROUND: Duration = Duration::from_millis(1);

/// What clients and nodes ask.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// A client's word.
    Echo {
        /// Anything.
        echo: Value,
    },
    /// Another node's word, which is not worth an answer.
    Chat,
}

/// What clients are answered.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// The same again.
    EchoOk {
        /// What was said.
        echo: Value,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "chat")]
struct Chat {}

/// A node that says a word to every other node, round after round, and echoes for its clients.
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
            tokio::time::sleep(ROUND).await;
            for peer in cx.peers() {
                cx.send(peer, &Chat {});
            }
        }
    }
}
