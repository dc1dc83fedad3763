//! What a node is: a type that answers requests, and perhaps does something in between.

use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Context, Error, Result};

/// A node of the cluster.
///
/// A node lives on one thread: state belongs in `Cell` and `RefCell`, and no future needs to be
/// `Send`. Handlers of several requests interleave where they `.await`, and nowhere else.
///
/// All of it is memory: a node that is killed comes back empty, unless it has written to a disk or
/// to one of Maelstrom's services.
#[allow(
    async_fn_in_trait,
    reason = "nodes are single-threaded, so no bound is missing"
)]
pub trait Node: 'static {
    /// What others may ask: an enum with `#[serde(tag = "type", rename_all = "snake_case")]`.
    ///
    /// A message of a type that is no variant is answered with error 10, a known type with a bad
    /// body with error 12; the handler sees neither. Numbers that do not fit in 64 bits become
    /// floats, if the field allows it.
    type Request: DeserializeOwned;

    /// What the node answers: an enum of the same form, or an `Option` of one.
    ///
    /// A reply that serialises to `null`, as `None` and `()` do, is not sent. So a node whose
    /// peers gossip says `type Reply = Option<Reply>` and returns `Ok(None)` for gossip.
    type Reply: Serialize;

    /// Answers a request.
    ///
    /// The reply is sent if, and only if, the request carried a `msg_id`; an `Err` is sent as an
    /// error reply under the same condition, and logged otherwise. A handler that panics answers
    /// with error 13, and the node lives on.
    ///
    /// Requests are handled in the order in which they came. A handler that finishes without
    /// waiting has its reply sent in that order too, and delays nobody when it has to wait.
    async fn handle(&self, request: Self::Request, cx: &Context) -> Result<Self::Reply>;

    /// Runs beside the handlers from the moment when the node has answered `init`: gossip,
    /// elections, timers. Ends with the node.
    async fn background(&self, _cx: &Context) {}
}

/// What the function given to [`run`](crate::run) may return: a node, or a `Result` with one.
///
/// An `Err` is the answer to `init`, so that a node that cannot start says why.
pub trait IntoNode {
    /// The node.
    type Node: Node;

    /// The node, or what kept it from being made.
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

/// The handler of one request as a future that owns all it needs.
pub(crate) async fn handling<N: Node>(
    node: Rc<N>,
    request: N::Request,
    cx: Context,
) -> Result<N::Reply> {
    node.handle(request, &cx).await
}
