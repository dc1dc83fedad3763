//! A set that only grows, without asking anybody.
//!
//! The union of two sets is the same whichever comes first, and however often: so a node adds what
//! its clients tell it, tells the others by and by, and in the end all hold the same. That is a
//! G-set, the simplest conflict-free replicated data type. How elements travel is the business of
//! [`dissemination`].

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use dissemination::{Dissemination, Gossip, Windows};
use glomers::prelude::*;

/// What clients and nodes ask.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Add this.
    Add {
        /// What.
        element: i64,
    },
    /// What is in it?
    Read,
    /// From another node.
    Gossip(Gossip<i64>),
}

/// What clients get.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// This node has added it. It tells the others within a [round](ROUND).
    AddOk {},
    /// All this, as far as this node has heard.
    ReadOk {
        /// The elements.
        value: Rc<BTreeSet<i64>>,
    },
}

/// How far apart messages to the same node are. At 100 ms a hop half of all elements are known
/// everywhere within a second then, even by the longest way round a partition; the README derives it.
pub const ROUND: Duration = Duration::from_millis(400);

/// One life of a node that holds a set.
pub struct GSet {
    /// Shared with the replies that are being written just now.
    elements: RefCell<Rc<BTreeSet<i64>>>,
    spread: Dissemination<i64>,
}

impl GSet {
    /// A node to which nobody has told anything yet.
    pub fn new(cx: &Context, windows: Windows) -> Self {
        Self {
            elements: RefCell::default(),
            spread: Dissemination::new(cx, windows),
        }
    }

    /// Adds an element; tells whether it is new here.
    fn insert(&self, element: i64) -> bool {
        Rc::make_mut(&mut self.elements.borrow_mut()).insert(element)
    }
}

impl Node for GSet {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        Ok(match request {
            Request::Add { element } => {
                // One that is known is on its way already.
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
