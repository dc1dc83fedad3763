//! The node runtime.

mod backlog;
mod call;
mod context;
mod error;
mod guard;
mod link;
mod node;
mod outbox;
mod retry;
mod serve;
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
