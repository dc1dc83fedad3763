//! The trait that every node implements: request handlers and a background task.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Context, Error, Result};

/// A node of the cluster.
///
/// A node runs on one thread: keep its state in `Cell` and `RefCell`; no future needs to be `Send`.
/// Handlers interleave only where they `.await`.
///
/// State is lost when the process is killed, unless the node writes it to a disk or to one of
/// Maelstrom's services.
#[allow(
    async_fn_in_trait,
    reason = "nodes are single-threaded, so no bound is missing"
)]
pub trait Node: 'static {
    /// The requests that the node accepts: an enum with `#[serde(rename_all = "snake_case")]`. The
    /// `type` of a message selects the variant, and its other fields are the variant's content.
    ///
    /// `#[serde(tag = "type")]` may be added and accepts the same messages. But then the fields of each
    /// message are copied before they are parsed, which costs an echo a sixth of its throughput.
    ///
    /// The runtime answers an unknown type with error 10, and a known type with a malformed body with
    /// error 12; the handler sees neither. Numbers beyond 64 bits become floats where the field allows
    /// it.
    type Request: DeserializeOwned;

    /// The replies: an enum with `#[serde(tag = "type", rename_all = "snake_case")]`, or an `Option` of
    /// one.
    ///
    /// A reply that serializes to `null`, such as `None` or `()`, is not sent. A node that also receives
    /// gossip declares `type Reply = Option<Reply>` and returns `Ok(None)` for gossip.
    type Reply: Serialize;

    /// Handles a request and returns the reply.
    ///
    /// The reply is sent if and only if the request carried a `msg_id`. An `Err` is sent as an error
    /// reply under the same condition, and logged otherwise. A panic is answered with error 13 and does
    /// not stop the node.
    ///
    /// Handlers start in the order in which requests arrive. Replies of handlers that finish without
    /// waiting keep that order. A handler that waits does not delay others.
    async fn handle(&self, request: Self::Request, cx: &Context) -> Result<Self::Reply>;

    /// Runs concurrently with the handlers from `init_ok` on, for gossip, elections and timers. It is
    /// cancelled when the node stops. Report an unrecoverable error with [`Context::fail`].
    async fn background(&self, _cx: &Context) {}
}

/// The result types of the function passed to [`run`](crate::run): a node, or a `Result` with one.
///
/// An `Err` becomes the reply to `init`, so the workbench reports why the node cannot start.
pub trait IntoNode {
    /// The type of the node.
    type Node: Node;

    /// Converts to a node or the error that prevented its construction.
    fn into_node(self) -> Result<Self::Node>;
}

impl<N: Node> IntoNode for N {
    type Node = N;

    fn into_node(self) -> Result<N> {
        Ok(self)
    }
}

impl<N: Node, E: Into<Error>> IntoNode for Result<N, E> {
    type Node = N;

    fn into_node(self) -> Result<N> {
        self.map_err(Into::into)
    }
}
