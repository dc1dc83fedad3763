//! A counter that goes up and down, without asking anybody.
//!
//! Every life of every node has a total of its own: the sum of what clients told it. The counter is
//! the sum of all totals. Nobody else changes a total, so of two that a node has heard of one life
//! the later one is right, and needs nothing of the earlier: a message may be lost, repeated or
//! overtaken, and whatever comes next repairs it. That is a PN-counter, a conflict-free replicated
//! data type; how totals travel is the business of [`dissemination`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use dissemination::{Dissemination, Gossip, Item, Origin, Windows};
use glomers::prelude::*;

/// What clients and nodes ask.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Add this much.
    Add {
        /// How much; perhaps less than nothing.
        delta: i64,
    },
    /// How much is it?
    Read,
    /// From another node.
    Gossip(Gossip<Total>),
}

/// What clients get.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// This node has added it. It tells the others within a [round](ROUND).
    AddOk {},
    /// So much, as far as this node has heard.
    ReadOk {
        /// The sum of all totals.
        value: i64,
    },
}

/// The sum of what clients told one life of one node.
///
/// The textbook keeps two sums, one that grows and one that shrinks, and merges each by its
/// maximum. Here totals are numbered by their origin, so that the latest is known without them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Total(i64);

impl Item for Total {
    type Key = ();

    /// All totals of a life are about the same thing: only the latest is kept, and sent.
    fn keys(&self) -> Vec<()> {
        vec![()]
    }
}

/// How far apart messages to the same node are. At 100 ms a hop an add is known everywhere within
/// 0.7 s then, and half of them within a second even by the longest way round a partition; the
/// README derives it.
pub const ROUND: Duration = Duration::from_millis(400);

/// One life of a node that counts.
pub struct PnCounter {
    own: Cell<i64>,
    /// The latest totals of all other lives, those before this node's present one included.
    others: RefCell<BTreeMap<Origin, Total>>,
    spread: Dissemination<Total>,
}

impl PnCounter {
    /// A node to which nobody has told anything yet.
    pub fn new(cx: &Context, windows: Windows) -> Self {
        Self {
            own: Cell::new(0),
            others: RefCell::default(),
            spread: Dissemination::new(cx, windows),
        }
    }

    fn add(&self, delta: i64) {
        let total = self.own.get() + delta;
        if total != self.own.replace(total) {
            self.spread.publish(Total(total));
        }
    }

    fn sum(&self) -> i64 {
        let others = self.others.borrow();
        self.own.get() + others.values().map(|Total(total)| total).sum::<i64>()
    }
}

impl Node for PnCounter {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        Ok(match request {
            Request::Add { delta } => {
                self.add(delta);
                Some(Reply::AddOk {})
            }
            Request::Read => Some(Reply::ReadOk { value: self.sum() }),
            Request::Gossip(gossip) => {
                let news = self.spread.handle(cx.sender(), gossip);
                self.others.borrow_mut().extend(news);
                None
            }
        })
    }

    async fn background(&self, cx: &Context) {
        self.spread.run(cx).await;
    }
}
