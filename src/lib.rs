//! A runtime for nodes that live in [Maelstrom](https://github.com/jepsen-io/maelstrom): JSON
//! messages on stdin and stdout, requests as enums, calls with timeouts, and clients for
//! Maelstrom's services.
//!
//! # A whole node
//!
//! ```
//! use glomers::prelude::*;
//!
//! #[derive(Deserialize)]
//! #[serde(tag = "type", rename_all = "snake_case")]
//! enum Request { Echo { echo: Value } }
//!
//! #[derive(Serialize)]
//! #[serde(tag = "type", rename_all = "snake_case")]
//! enum Reply { EchoOk { echo: Value } }
//!
//! struct Echo;
//!
//! impl Node for Echo {
//!     type Request = Request;
//!     type Reply = Reply;
//!
//!     async fn handle(&self, Request::Echo { echo }: Request, _: &Context) -> Result<Reply> {
//!         Ok(Reply::EchoOk { echo })
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     run(|_| Echo)
//! }
//! ```
//!
//! The handler *returns* the reply. Whether it is sent is not the handler's business: it is if, and
//! only if, the request carried a `msg_id`. An `Err` becomes an error reply. So requests and gossip
//! are one thing, and nothing in a node says "reply". (A node that has nothing to say to gossip
//! declares `type Reply = Option<Reply>`.)
//!
//! # Reaching others
//!
//! Everything else goes through the [`Context`]: who one is and whom one knows, [`send`] and
//! [`call`], [`retry`], [`spawn`], [`rng`], [`wall_clock`], and the services ([`lin_kv`] and its
//! siblings). [`Node::background`] runs beside the handlers, for gossip and timers:
//!
//! ```
//! # use glomers::prelude::*;
//! # #[derive(Deserialize)]
//! # #[serde(tag = "type", rename_all = "snake_case")]
//! # enum Request { Add { delta: u64 } }
//! # #[derive(Serialize)]
//! # #[serde(tag = "type", rename_all = "snake_case")]
//! # enum Reply { AddOk }
//! struct Counter;
//!
//! impl Node for Counter {
//! #   type Request = Request;
//! #   type Reply = Reply;
//!     // …
//!     async fn handle(&self, Request::Add { delta }: Request, cx: &Context) -> Result<Reply> {
//!         // Compare and set until nobody else was faster; a timeout goes to the client as it is.
//!         cx.seq_kv().update("total", |total| total.unwrap_or(0) + delta).await?;
//!         Ok(Reply::AddOk)
//!     }
//! }
//! ```
//!
//! # One thread, three seams
//!
//! A node runs on one thread, inside tokio's `LocalRuntime`: state lives in `Cell` and `RefCell`,
//! handlers interleave only where they `.await`, and nothing needs to be `Send`.
//!
//! It touches the world in three places: a [`Link`] that carries its messages, a clock, and a seed
//! for its randomness ([`Seams`]). [`run`] takes them from the operating system. [`serve`] takes
//! any: given two channels, tokio's paused clock and a seed of its own, the same node is
//! deterministic, and dies when the future is dropped.
//!
//! ```
//! # use glomers::prelude::*;
//! # struct Mute;
//! # impl Node for Mute {
//! #     type Request = Value;
//! #     type Reply = ();
//! #     async fn handle(&self, _: Value, _: &Context) -> Result<()> { Ok(()) }
//! # }
//! # let mut runtime = tokio::runtime::Builder::new_current_thread();
//! # let runtime = runtime.enable_time().build_local(Default::default()).unwrap();
//! # runtime.block_on(async {
//! let (link, to_node, mut from_node) = glomers::Link::in_memory();
//! let seams = glomers::Seams::simulated(7319);
//! let node = tokio::task::spawn_local(glomers::serve(link, seams, |_: &Context| Mute));
//!
//! let body = r#"{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}"#;
//! to_node.send(format!(r#"{{"src":"c0","dest":"n1","body":{body}}}"#).into()).unwrap();
//! let reply = from_node.recv().await.unwrap();
//! assert_eq!(reply, r#"{"src":"n1","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}"#);
//! # node.abort();
//! # });
//! ```
//!
//! # What it promises
//!
//! - A node exists only once `init` has told it who it is, and hears nothing before that.
//! - Replies of handlers that need not wait keep the order of their requests; a handler that waits
//!   delays nobody.
//! - A call ends: with its reply, an error, a timeout, or by being dropped; and is forgotten then.
//! - Nothing that comes in kills a node. An unknown type is answered with error 10, a bad body with
//!   12, a panic in a handler with 13; what is no message is logged and skipped. Lines may have any
//!   length.
//! - At the end of input, requests that were accepted are finished, within five seconds.
//! - What grows without bound is warned of on stderr.
//!
//! What it does not promise: memory. A node that is killed comes back without any.
//!
//! [`send`]: Context::send
//! [`call`]: Context::call
//! [`retry`]: Context::retry
//! [`spawn`]: Context::spawn
//! [`rng`]: Context::rng
//! [`wall_clock`]: Context::wall_clock
//! [`lin_kv`]: Context::lin_kv

mod answer;
mod backlog;
mod call;
mod context;
mod error;
mod failure;
mod guard;
mod link;
mod node;
mod outbox;
mod retry;
mod serve;
mod server;
mod service;
mod stdio;
mod wire;

pub use call::Call;
pub use context::{Context, NodeId, Random};
pub use error::{Error, ErrorCode, Result};
pub use link::{Link, Seams};
pub use node::{IntoNode, Node};
pub use retry::Backoff;
pub use serve::serve;
pub use service::{Kv, Tso};
pub use stdio::run;

/// What nearly every node needs, for `use glomers::prelude::*`.
pub mod prelude {
    pub use std::time::Duration;

    pub use rand::RngExt as _;
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::Value;

    pub use crate::{Backoff, Context, Error, ErrorCode, Node, NodeId, Result, run};
}
