//! Echo on the crate `maelstrom-node`, as in its documentation, for comparison.

use std::sync::Arc;

use async_trait::async_trait;
use maelstrom::protocol::Message;
use maelstrom::{Node, Result, Runtime, done};

struct Echo;

#[async_trait]
impl Node for Echo {
    async fn process(&self, runtime: Runtime, request: Message) -> Result<()> {
        match request.get_type() {
            "echo" => {
                let reply = request.body.clone().with_type("echo_ok");
                runtime.reply(request, reply).await
            }
            _ => done(runtime, request),
        }
    }
}

fn main() -> Result<()> {
    Runtime::init(async { Runtime::new().with_handler(Arc::new(Echo)).run().await })
}
