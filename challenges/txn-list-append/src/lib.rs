//! Transactions over lists, each of which happens at one moment between its request and its reply:
//! strict serializability, the strongest model there is.
//!
//! There are two ways here. [`OnLog`] puts transactions into a replicated log, the same one that
//! carries the registers of `lin-kv`: what happens "at one moment" is one entry, and all that is
//! left to write is a state machine that executes a transaction. [`OnRoot`] has no log and no
//! peers: the database is an immutable tree in Maelstrom's lin-kv service, and a transaction
//! happens when the pointer to its root is swapped.

mod lists;
mod root;

use std::time::Duration;

use glomers::prelude::*;
use raft::{Disk, Message, Options, Replica};

pub use lists::{Function, Lists, MicroOp, Transaction};
pub use root::OnRoot;

/// Maelstrom's clients wait for five seconds.
pub const PATIENCE: Duration = Duration::from_millis(4_500);

/// What clients ask, and what other nodes say.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Execute a transaction.
    Txn {
        /// Its micro-operations; reads are without a value yet.
        txn: Transaction,
    },
    /// A word between replicas.
    Raft(Message<Lists>),
}

/// What clients hear.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// The transaction has happened.
    TxnOk {
        /// The same transaction, in which reads have their values.
        txn: Transaction,
    },
}

/// A node that keeps the lists itself, and agrees with the others by Raft.
pub struct OnLog(Replica<Lists>);

impl OnLog {
    /// The node, with what is on its disk.
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or what is on it is damaged.
    pub fn new(cx: &Context, disk: impl Disk, options: Options) -> Result<Self> {
        Ok(Self(Replica::new(cx, disk, options)?))
    }
}

impl Node for OnLog {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        let txn = match request {
            // What changes nothing needs no entry: only the certainty that nothing is missing.
            Request::Txn { txn } if lists::is_read_only(&txn) => {
                self.0.read(|lists| lists.view(&txn)).await?
            }
            Request::Txn { txn } => self.0.execute(txn).await?,
            Request::Raft(message) => {
                self.0.receive(cx.sender(), message);
                return Ok(None);
            }
        };
        Ok(Some(Reply::TxnOk { txn }))
    }

    async fn background(&self, cx: &Context) {
        self.0.run(cx).await;
    }
}
