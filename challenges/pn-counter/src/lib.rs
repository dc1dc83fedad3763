//! A counter that goes up and down without coordination.
//!
//! Each incarnation of each node has a total of its own: the sum of its clients' adds. The counter is
//! the sum of all totals. Only that incarnation changes its total, so of two messages the later one
//! alone is right, and it repairs the loss, repetition or reordering of earlier ones. This is a
//! PN-counter, a conflict-free replicated data type. The crate [`dissemination`] delivers the totals.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use dissemination::{Dissemination, Gossip, Item, Origin, Windows};
use glomers::prelude::*;

/// The requests of clients and nodes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Adds to the counter.
    Add {
        /// The amount; negative to subtract.
        delta: i64,
    },
    /// Returns the counter.
    Read,
    /// A message from another node.
    Gossip(Gossip<Total>),
}

/// The replies to clients.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// This node has added the amount. The other nodes learn it within a [round](ROUND) and two
    /// hops.
    AddOk {},
    /// The counter as this node knows it.
    ReadOk {
        /// The sum of all totals.
        value: i64,
    },
}

/// The sum of the adds of one incarnation of one node.
///
/// The textbook keeps two sums, one of additions and one of subtractions, and merges each by its
/// maximum. Here the origin numbers its totals, so the latest is known without that.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Total(i64);

impl Item for Total {
    type Key = ();

    /// Returns the one key that all totals share, so only the latest of an origin is kept and sent.
    fn keys(&self) -> Vec<()> {
        vec![()]
    }
}

/// The time between two rounds. At 100 ms per hop, an add is known everywhere within 0.7 s, and half
/// of them within a second even by the longest way round a partition; the README derives it.
pub const ROUND: Duration = Duration::from_millis(400);

/// One incarnation of a node that counts.
pub struct PnCounter {
    own: Cell<i64>,
    /// The latest totals of all other origins, this node's former incarnations included.
    others: RefCell<BTreeMap<Origin, Total>>,
    spread: Dissemination<Total>,
}

impl PnCounter {
    /// Creates a node that counts from 0.
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

glomers::compile_once!(PnCounter);

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
