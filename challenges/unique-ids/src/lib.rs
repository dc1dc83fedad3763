//! Challenge 2: ids that are unique without communication.
//!
//! An id contains its time of issue and its issuer, which is a node and the random number of its
//! incarnation. No two issuers are equal, and no issuer uses a timestamp twice, so all ids differ,
//! and nodes send each other no messages. The README derives the width of each part.

use std::cell::Cell;

use glomers::prelude::*;

/// A request of a client.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Asks for a new id.
    Generate,
}

/// A reply to a client.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// Answers a `generate`.
    GenerateOk {
        /// The id: 32 hexadecimal digits that sort as text by the time of issue.
        id: String,
    },
}

/// Bits for the count within a millisecond, for the node, and for its incarnation. With 48 bits of
/// milliseconds, which last until the year 10889, an id has 128.
const COUNT_BITS: u32 = 16;
const NODE_BITS: u32 = 16;
const INCARNATION_BITS: u32 = 48;

/// A node that issues ids.
pub struct UniqueIds {
    /// The node's number and the random number of its incarnation.
    issuer: u64,
    /// The timestamp of the last id: milliseconds since the Unix epoch, and a count within them.
    last: Cell<u64>,
}

impl UniqueIds {
    /// Returns a node that has issued no id in this incarnation.
    ///
    /// # Errors
    ///
    /// If the cluster has more than 65,536 nodes or does not contain this one.
    pub fn new(cx: &Context) -> Result<Self> {
        let number = cx.nodes().iter().position(|node| **node == *cx.id());
        let number = number
            .filter(|number| *number < 1 << NODE_BITS)
            .ok_or_else(|| Error::abort(format!("{} has no number among the nodes", cx.id())))?;
        // A killed node loses its memory, and its clock may have stepped back since: only a random
        // number distinguishes its incarnations.
        let incarnation = cx.rng().random_range(0..1_u64 << INCARNATION_BITS);
        let issuer = (number as u64) << INCARNATION_BITS | incarnation;
        Ok(Self {
            issuer,
            last: Cell::new(0),
        })
    }

    /// Returns an id that no other issuer and no other call returns.
    fn generate(&self, wall_clock: Duration) -> String {
        let now = (wall_clock.as_millis() as u64) << COUNT_BITS;
        // The timestamp increases when the clock stands still or steps back, and carries into the
        // milliseconds when the count is used up.
        let timestamp = now.max(self.last.get() + 1);
        self.last.set(timestamp);
        format!("{timestamp:016x}{:016x}", self.issuer)
    }
}

glomers::compile_once!(UniqueIds);

impl Node for UniqueIds {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, Request::Generate: Request, cx: &Context) -> Result<Reply> {
        Ok(Reply::GenerateOk {
            id: self.generate(cx.wall_clock()),
        })
    }
}
