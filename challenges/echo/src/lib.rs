//! Challenge 1: echo.
//!
//! The smallest node there is: what it is asked, what it answers, and nothing in between.

use glomers::prelude::*;

/// What clients ask.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Say this again.
    Echo {
        /// Anything.
        echo: Value,
    },
}

/// What they get.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// The same again.
    EchoOk {
        /// What was asked for.
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
