//! Challenge 2: ids that are unique without asking anybody.
//!
//! An id says *when* it was issued and *by whom*. No two issuers are the same, and no issuer uses
//! a moment twice; so no two ids are the same, and no message between nodes is needed. See the
//! README for why each part has the width it has.

use std::cell::Cell;

use glomers::prelude::*;

/// What clients ask.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// A new id, please.
    Generate,
}

/// What they get.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// A new id.
    GenerateOk {
        /// 32 hexadecimal digits, which sort as text in the order in which they were issued.
        id: String,
    },
}

/// Bits for the count within a millisecond, for the node, and for the node's incarnation. With 48
/// bits of milliseconds, which last until the year 10889, they make 128.
const COUNT_BITS: u32 = 16;
const NODE_BITS: u32 = 16;
const INCARNATION_BITS: u32 = 48;

/// One life of a node that issues ids.
pub struct UniqueIds {
    /// The node's number, and what tells this life from the node's earlier ones.
    issuer: u64,
    /// The moment of the last id: milliseconds since the Unix epoch, and a count within them.
    last: Cell<u64>,
}

impl UniqueIds {
    /// A node that has never issued an id, as far as it can remember.
    ///
    /// # Errors
    /// If the cluster has more nodes than there are numbers, or does not know this one.
    pub fn new(cx: &Context) -> Result<Self> {
        let number = cx.nodes().iter().position(|node| **node == *cx.id());
        let number = number
            .filter(|number| *number < 1 << NODE_BITS)
            .ok_or_else(|| Error::abort(format!("{} has no number among the nodes", cx.id())))?;
        // Memory dies with the node, and the clock may have stepped back since its last life:
        // only chance can tell one life from another.
        let incarnation = cx.rng().random_range(0..1_u64 << INCARNATION_BITS);
        let issuer = (number as u64) << INCARNATION_BITS | incarnation;
        Ok(Self {
            issuer,
            last: Cell::new(0),
        })
    }

    /// An id that nobody else issues, and that this node issues only once.
    fn generate(&self, wall_clock: Duration) -> String {
        let now = (wall_clock.as_millis() as u64) << COUNT_BITS;
        // Always forward: over a clock that stands still or steps back, and, when the count is
        // used up, into the next millisecond.
        let moment = now.max(self.last.get() + 1);
        self.last.set(moment);
        format!("{moment:016x}{:016x}", self.issuer)
    }
}

impl Node for UniqueIds {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, Request::Generate: Request, cx: &Context) -> Result<Reply> {
        Ok(Reply::GenerateOk {
            id: self.generate(cx.wall_clock()),
        })
    }
}
