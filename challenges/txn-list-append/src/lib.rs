//! Strictly serializable transactions over lists: each takes effect at one moment between its
//! request and its reply.
//!
//! There are two implementations. [`OnLog`] puts transactions into the replicated log of package
//! `raft`, which also carries the registers of `lin-kv`. A transaction is one entry, so this crate
//! only adds a state machine that executes it. [`OnRoot`] has no log and no peers: the database is
//! an immutable tree in Maelstrom's lin-kv service, and a transaction takes effect when the pointer
//! to the root of the tree is swapped.

mod lists;
mod root;

use std::time::Duration;

use glomers::prelude::*;
use raft::{Disk, Message, Options, Replica};

pub use lists::{Function, Lists, MicroOp, Transaction};
pub use root::OnRoot;

/// Default time after which a transaction fails. Maelstrom's clients wait for five seconds.
pub const REQUEST_TIMEOUT: Duration = Duration::from_millis(4_500);

/// A request of a client, or a message of another node.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Executes a transaction.
    Txn {
        /// Its micro-operations; the values of reads are `null`.
        txn: Transaction,
    },
    /// A message between replicas.
    Raft(Message<Lists>),
}

/// The reply to a client.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// The transaction was executed.
    TxnOk {
        /// The transaction, with the values of its reads.
        txn: Transaction,
    },
}

/// A node that stores the lists itself and replicates them with Raft.
pub struct OnLog(Replica<Lists>);

impl OnLog {
    /// Creates the node from the contents of its disk.
    ///
    /// # Errors
    ///
    /// The disk cannot be read or its contents are damaged.
    pub fn new(cx: &Context, disk: impl Disk, options: Options) -> Result<Self> {
        Ok(Self(Replica::new(cx, disk, options)?))
    }
}

glomers::compile_once!(OnLog);

impl Node for OnLog {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        let txn = match request {
            // A read-only transaction needs no entry, only a state that is confirmed as current.
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
