//! Challenges 6a to 6c: transactions over registers that are always available.
//!
//! A node executes a transaction alone and at once, on its own state, and answers. The writes then
//! travel to the other nodes as *one* item, the write set, under *one* stamp. A node installs a write
//! set as a whole: each value, unless its register has one with a later stamp.
//!
//! The state of a node is therefore a function of the *set* of write sets that it has received: for
//! each register, the value with the latest stamp. Three properties follow.
//!
//! * Nodes with the same write sets have the same values, in whatever order they received them.
//! * A transaction reads from a state that contains each write set as a whole or not at all. If it
//!   reads one value of a transaction, it reads nothing older than that transaction's other values.
//! * A stamp is later than those of all values that its transaction may have read, so transactions
//!   do not read from each other in a cycle.
//!
//! This is *read atomic* isolation, one level above monotonic atomic view. The README explains
//! which anomalies it permits, and why a system that stays available under a partition can forbid
//! few others.
//!
//! The modules in reading order: `integer` and `micro_op` (the protocol), `stamp` (the order of
//! transactions), `store` (the registers), and this file (the node).

mod integer;
mod micro_op;
mod stamp;
mod store;

use std::cell::RefCell;
use std::collections::BTreeMap;

use dissemination::{Dissemination, Gossip, Item, Windows};
use glomers::prelude::*;

pub use integer::Integer;
pub use micro_op::MicroOp;
use stamp::{Clock, Stamp};
use store::Store;

/// The name of a register.
pub type Key = Integer;

/// Interval of the rounds in which write sets travel, by default. Two nodes then exchange about 40
/// messages a second, however many transactions there are.
pub const ROUND_INTERVAL: Duration = Duration::from_millis(50);

/// A request of a client or of another node.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Executes a transaction.
    Txn {
        /// Its reads and writes, in order.
        txn: Vec<MicroOp>,
    },
    /// Carries write sets of other nodes.
    Gossip(Gossip<WriteSet>),
}

/// A reply to a client.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// Answers a committed transaction.
    TxnOk {
        /// The same reads and writes, with the values of the reads.
        txn: Vec<MicroOp>,
    },
}

/// The writes of a transaction: the unit that nodes exchange.
#[derive(Clone, Serialize, Deserialize)]
pub struct WriteSet {
    /// The time of the transaction's stamp.
    at: u64,
    /// The last value written to each register.
    writes: Vec<(Key, Integer)>,
}

impl Item for WriteSet {
    type Key = Key;

    /// Returns the registers. Once later write sets of the same origin, whose stamps are later too,
    /// have overwritten all of them, the write set is no longer sent. A node that misses it has the
    /// values after it, and still has only whole write sets.
    fn keys(&self) -> Vec<Key> {
        self.writes.iter().map(|(key, _)| *key).collect()
    }
}

/// A node that executes transactions without communication.
pub struct Registers {
    store: RefCell<Store>,
    clock: Clock,
    dissemination: Dissemination<WriteSet>,
}

impl Registers {
    /// Returns a node without data, whose write sets travel in rounds of this interval.
    pub fn new(cx: &Context, round_interval: Duration) -> Self {
        Self {
            store: RefCell::default(),
            clock: Clock::default(),
            dissemination: Dissemination::new(cx, Windows::every(round_interval)),
        }
    }

    /// Executes a transaction: fills in its reads and commits its writes. Nothing is awaited, so no
    /// other transaction runs in between.
    fn execute(&self, txn: &mut [MicroOp], wall_clock: Duration) {
        let mut store = self.store.borrow_mut();
        // Only the last write to each register may become visible.
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
            origin: self.dissemination.origin(),
        };
        store.install(stamp, &write_set.writes);
        self.dissemination.publish(write_set);
    }

    /// Installs the write sets of other nodes.
    fn install(&self, sender: &str, gossip: Gossip<WriteSet>) {
        let mut store = self.store.borrow_mut();
        for (origin, WriteSet { at, writes }) in self.dissemination.handle(sender, gossip) {
            // A transaction that can read this gets a later stamp.
            self.clock.observe(at);
            store.install(Stamp { at, origin }, &writes);
        }
    }
}

glomers::compile_once!(Registers);

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
                self.install(cx.sender(), gossip);
                None
            }
        })
    }

    async fn background(&self, cx: &Context) {
        self.dissemination.run(cx).await;
    }
}
