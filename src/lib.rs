//! A runtime for [Maelstrom](https://github.com/jepsen-io/maelstrom) nodes: JSON messages on stdin and
//! stdout, requests as enums, calls with timeouts, and clients for Maelstrom's services.
//!
//! # A complete node
//!
//! ```
//! use glomers::prelude::*;
//!
//! #[derive(Deserialize)]
//! #[serde(rename_all = "snake_case")]
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
//! The handler *returns* the reply. The runtime sends it if and only if the request carried a `msg_id`,
//! and turns an `Err` into an error reply. So requests and gossip use the same interface. (A node that
//! does not reply to gossip declares `type Reply = Option<Reply>`.)
//!
//! # Communication
//!
//! Handlers use the [`Context`] for everything else: the node's id and peers, [`send`] and [`call`],
//! [`retry`], [`spawn`], [`rng`], [`wall_clock`], and clients of the services ([`lin_kv`] and others).
//! [`Node::background`] runs concurrently with the handlers, for gossip and timers. [`fail`] stops a
//! node that cannot continue.
//!
//! ```
//! # use glomers::prelude::*;
//! # #[derive(Deserialize)]
//! # #[serde(rename_all = "snake_case")]
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
//!         // Compares and sets until there is no conflict; a timeout is passed on to the client.
//!         cx.seq_kv().update("total", |total| total.unwrap_or(0) + delta).await?;
//!         Ok(Reply::AddOk)
//!     }
//! }
//! ```
//!
//! # One thread, three inputs
//!
//! A node runs on one thread, in tokio's `LocalRuntime`: keep state in `Cell` and `RefCell`; handlers
//! interleave only where they `.await`; nothing needs to be `Send`.
//!
//! A node has three inputs: a [`Link`] that carries its messages, a clock, and a seed for its random
//! numbers ([`Seams`]). [`run`] takes them from the operating system. [`serve`] accepts any others: with
//! two channels, tokio's paused clock and a fixed seed, the same node is deterministic. Dropping the
//! future kills the node.
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
//! # Guarantees
//!
//! - A node is constructed when `init` arrives, and handles no request before that.
//! - Replies of handlers that do not wait keep the order of their requests. A handler that waits does not
//!   delay others.
//! - Every call ends: with a reply, an error, a timeout, or by being dropped. Nothing of it remains.
//! - No input stops a node. An unknown type is answered with error 10, a malformed body with 12, a panic
//!   in a handler with 13. A line that is not a message is logged and skipped. Lines may have any length.
//! - At the end of input, accepted requests are finished within five seconds.
//! - Queues that keep growing are reported on stderr.
//!
//! State is not persistent: a killed node restarts empty unless it stores its state itself.
//!
//! # Reading order
//!
//! 1. `node.rs`, the trait; `context.rs`, what a node can do; `error.rs`.
//! 2. `serve.rs`, the main loop; `server.rs`, what it does with each line; `handlers.rs`, how it runs a
//!    handler; `answer.rs`, the replies; `guard.rs` and `failure.rs`, panics and fatal errors.
//! 3. `wire/`, parsing of input; `outbox.rs`, the output buffer; `link.rs` and `stdio.rs`, where both
//!    come from.
//! 4. `call.rs`, requests to other nodes; `retry.rs`; `service/`, the clients of Maelstrom's services.
//! 5. `backlog.rs` and `hash.rs`, two small tools.
//!
//! [`send`]: Context::send
//! [`call`]: Context::call
//! [`retry`]: Context::retry
//! [`spawn`]: Context::spawn
//! [`rng`]: Context::rng
//! [`fail`]: Context::fail
//! [`wall_clock`]: Context::wall_clock
//! [`lin_kv`]: Context::lin_kv

mod answer;
mod backlog;
mod call;
mod context;
mod error;
mod failure;
mod guard;
mod handlers;
mod hash;
mod link;
mod node;
mod outbox;
mod retry;
mod serve;
mod server;
mod service;
mod stdio;
mod waiter;
mod wire;

pub use call::Call;
pub use context::{Context, NodeId, Random};
pub use error::{Error, ErrorCode, Result};
#[doc(hidden)]
pub use handlers::{Erased, erase};
pub use hash::{stable_hash, stable_hash_with};
pub use link::{Link, Seams};
pub use node::{IntoNode, Node};
pub use retry::Backoff;
pub use serve::serve;
pub use service::{Kv, Tso};
pub use stdio::run;

/// The imports that nearly every node needs: `use glomers::prelude::*`.
pub mod prelude {
    pub use std::time::Duration;

    pub use rand::RngExt as _;
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::Value;

    pub use crate::{Backoff, Context, Error, ErrorCode, Node, NodeId, Result, run};
}
