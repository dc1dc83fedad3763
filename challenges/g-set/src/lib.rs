//! A grow-only set without coordination.
//!
//! The union of sets depends neither on their order nor on repetition. So a node adds the elements
//! of its clients at once and sends them to the other nodes later, and all nodes end with the same
//! set. This is a G-set, the simplest conflict-free replicated data type. The crate
//! [`dissemination`] delivers the elements.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use dissemination::{Dissemination, Gossip, Windows};
use glomers::prelude::*;

/// The requests of clients and nodes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Adds an element.
    Add {
        /// The element.
        element: i64,
    },
    /// Lists the elements.
    Read,
    /// A message from another node.
    Gossip(Gossip<i64>),
}

/// The replies to clients.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// This node has added the element. The other nodes learn it within a [round](ROUND) and two
    /// hops.
    AddOk {},
    /// The elements that this node knows.
    ReadOk {
        /// The elements.
        value: Rc<BTreeSet<i64>>,
    },
}

/// The time between two rounds. At 100 ms per hop, half of all elements are known everywhere within
/// a second even by the longest way round a partition; the README derives it.
pub const ROUND: Duration = Duration::from_millis(400);

/// One incarnation of a node that holds a set.
pub struct GSet {
    /// The elements, shared with the replies that are being written.
    elements: RefCell<Rc<BTreeSet<i64>>>,
    spread: Dissemination<i64>,
}

impl GSet {
    /// Creates a node with an empty set.
    pub fn new(cx: &Context, windows: Windows) -> Self {
        Self {
            elements: RefCell::default(),
            spread: Dissemination::new(cx, windows),
        }
    }

    /// Adds an element. Returns whether it is new.
    fn insert(&self, element: i64) -> bool {
        Rc::make_mut(&mut self.elements.borrow_mut()).insert(element)
    }
}

glomers::compile_once!(GSet);

impl Node for GSet {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        Ok(match request {
            Request::Add { element } => {
                // An element that this node knows has been published before.
                if self.insert(element) {
                    self.spread.publish(element);
                }
                Some(Reply::AddOk {})
            }
            Request::Read => Some(Reply::ReadOk {
                value: Rc::clone(&self.elements.borrow()),
            }),
            Request::Gossip(gossip) => {
                for (_, element) in self.spread.handle(cx.sender(), gossip) {
                    self.insert(element);
                }
                None
            }
        })
    }

    async fn background(&self, cx: &Context) {
        self.spread.run(cx).await;
    }
}
