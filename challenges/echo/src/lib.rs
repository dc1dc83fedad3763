//! Echo.

use glomers::prelude::*;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Request {
    Echo { echo: Value },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Reply {
    EchoOk { echo: Value },
}

/// Answers with what it was told.
pub struct Echo;

impl Node for Echo {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, Request::Echo { echo }: Request, _: &Context) -> Result<Reply> {
        Ok(Reply::EchoOk { echo })
    }
}
