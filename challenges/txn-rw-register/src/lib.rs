//! Challenges 6a to 6c: transactions over registers that are always available.
//!
//! A node executes a transaction alone, at once, on what it holds, and answers. What the
//! transaction wrote then travels to the other nodes as *one* item, the write set, under *one*
//! stamp; and whoever learns it installs it as a whole, each value unless its register holds a
//! later one.
//!
//! So the state of a node is a function of the *set* of write sets that it knows: the latest value
//! of each register, by stamp. Three things follow.
//!
//! * Nodes that know the same write sets hold the same values, in whatever order they learnt them.
//! * A transaction reads from a state that contains each write set wholly or not at all. If it sees
//!   one value of a transaction, it sees nothing older than that transaction's other values.
//! * A stamp is later than those of all values that its transaction can have read, so no
//!   transactions read from each other in a circle.
//!
//! That is *read atomic* isolation, one step above monotonic atomic view. See the README for what
//! it permits, and for why nothing that stays available under a partition forbids much more.

mod micro_op;
mod stamp;
mod store;

use std::cell::RefCell;
use std::collections::BTreeMap;

use dissemination::{Dissemination, Gossip, Item, Windows};
use glomers::prelude::*;

pub use micro_op::MicroOp;
use stamp::{Clock, Stamp};
use store::Store;

/// The name of a register.
pub type Key = i64;

/// How long write sets wait for others to travel with, unless one says otherwise. Two nodes then
/// exchange about 40 messages a second, however many transactions there are.
pub const ROUND: Duration = Duration::from_millis(50);

/// What clients and nodes ask.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Execute a transaction.
    Txn {
        /// Its reads and writes, in order.
        txn: Vec<MicroOp>,
    },
    /// Of the other nodes' transactions.
    Gossip(Gossip<WriteSet>),
}

/// What clients are answered.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// The transaction is committed.
    TxnOk {
        /// The same reads and writes; the reads have their values.
        txn: Vec<MicroOp>,
    },
}

/// All that a transaction wrote: the unit in which nodes learn of each other's transactions.
#[derive(Clone, Serialize, Deserialize)]
pub struct WriteSet {
    /// The time of the transaction's stamp.
    at: u64,
    /// The last value that it wrote to each of its registers.
    writes: Vec<(Key, i64)>,
}

impl Item for WriteSet {
    type Key = Key;

    /// Once later write sets of its origin, whose stamps are later too, have overwritten all of it,
    /// a write set need not be told any more. Who never learns it holds the values after it, and
    /// still knows nothing but whole write sets.
    fn keys(&self) -> Vec<Key> {
        self.writes.iter().map(|(key, _)| *key).collect()
    }
}

/// A node that executes transactions without asking anybody.
pub struct Registers {
    store: RefCell<Store>,
    clock: Clock,
    spread: Dissemination<WriteSet>,
}

impl Registers {
    /// A node without any transactions, whose write sets wait for each other as long as `round`.
    pub fn new(cx: &Context, round: Duration) -> Self {
        Self {
            store: RefCell::default(),
            clock: Clock::default(),
            spread: Dissemination::new(cx, Windows::every(round)),
        }
    }

    /// Executes a transaction: fills in its reads, and commits its writes.
    ///
    /// Nothing is awaited, so no other transaction comes in between.
    fn execute(&self, txn: &mut [MicroOp], wall_clock: Duration) {
        let mut store = self.store.borrow_mut();
        // Writes stay apart until all is done. Nobody else could see them before; but only the
        // last one to each register may ever be seen.
        let mut writes = BTreeMap::new();
        for micro_op in txn {
            match micro_op {
                MicroOp::Read { key, value } => {
                    *value = writes.get(key).copied().or_else(|| store.read(*key));
                }
                MicroOp::Write { key, value } => {
                    writes.insert(*key, *value);
                }
            }
        }
        if writes.is_empty() {
            return;
        }
        let write_set = WriteSet {
            at: self.clock.tick(wall_clock),
            writes: writes.into_iter().collect(),
        };
        let stamp = Stamp {
            at: write_set.at,
            origin: self.spread.origin(),
        };
        store.install(stamp, &write_set.writes);
        self.spread.publish(write_set);
    }

    /// Takes what other nodes' transactions have written.
    fn learn(&self, sender: &str, gossip: Gossip<WriteSet>) {
        let mut store = self.store.borrow_mut();
        for (origin, WriteSet { at, writes }) in self.spread.handle(sender, gossip) {
            // Whoever can read this from now on commits after it.
            self.clock.observe(at);
            store.install(Stamp { at, origin }, &writes);
        }
    }
}

impl Node for Registers {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        Ok(match request {
            Request::Txn { mut txn } => {
                self.execute(&mut txn, cx.wall_clock());
                Some(Reply::TxnOk { txn })
            }
            Request::Gossip(gossip) => {
                self.learn(cx.sender(), gossip);
                None
            }
        })
    }

    async fn background(&self, cx: &Context) {
        self.spread.run(cx).await;
    }
}
