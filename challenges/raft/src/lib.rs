//! Raft: one log that several servers agree on, and state machines that follow it.
//!
//! The algorithm is that of Ongaro and Ousterhout, "In Search of an Understandable Consensus
//! Algorithm" (extended version, 2014), and is to be read beside the paper: names are the paper's,
//! and comments name the rule and figure of the paper that a line implements. "Dissertation" is
//! Ongaro's, of the same year. The README has a table of all rules and of the differences.
//!
//! # Reading order
//!
//! 1. `message`, `log`, `persistent`: what servers say to each other and what they store.
//! 2. `server`: the algorithm, [`Raft`], without disk, network or clock. Start with its `mod.rs`,
//!    then `step`, `election`, `replication`; afterwards `snapshot`, `reads`, `heartbeat` and
//!    `membership`. An
//!    [`Output`] says what is to be done, of which the records must be durable before anything else.
//! 3. `wal`, `disk`: [`Wal`] makes records durable on a [`Disk`]: a [`FileDisk`], or one of the
//!    simulated [`Disks`], which lose unsynced bytes in a crash.
//! 4. `session`, `replica`: [`Replica`] runs the parts on the node runtime and serves clients. It
//!    executes the commands of a [`StateMachine`] exactly once ([`Replica::execute`]) and answers
//!    linearizable reads ([`Replica::read`]).
//!
//! [`ExactJson`] keeps the JSON of clients unchanged on its way through the log.
//!
//! # A replicated counter
//!
//! A node passes its clients' requests and the messages of other replicas to its replica, which does
//! the rest in the node's background.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use glomers::prelude::*;
//! use raft::{FileDisk, Message, Options, Replica, StateMachine};
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Total(i64);
//!
//! impl StateMachine for Total {
//!     type Command = i64;
//!     type Output = i64;
//!
//!     fn apply(&mut self, delta: &i64) -> i64 {
//!         self.0 += delta;
//!         self.0
//!     }
//! }
//!
//! #[derive(Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Request { Add { delta: i64 }, Read, Raft(Message<Total>) }
//!
//! #[derive(Serialize)]
//! #[serde(tag = "type", rename_all = "snake_case")]
//! enum Reply { AddOk { value: i64 }, ReadOk { value: i64 } }
//!
//! struct Counter(Replica<Total>);
//!
//! impl Node for Counter {
//!     type Request = Request;
//!     type Reply = Option<Reply>;
//!
//!     async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
//!         Ok(Some(match request {
//!             // Enters the log; returns once it is committed and applied here.
//!             Request::Add { delta } => Reply::AddOk { value: self.0.execute(delta).await? },
//!             // Needs no entry: a majority confirms that the state is current.
//!             Request::Read => Reply::ReadOk { value: self.0.read(|total| total.0).await? },
//!             Request::Raft(message) => {
//!                 self.0.receive(cx.sender(), message);
//!                 return Ok(None);
//!             }
//!         }))
//!     }
//!
//!     async fn background(&self, cx: &Context) {
//!         self.0.run(cx).await;
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     glomers::run(|cx| {
//!         let disk = FileDisk::open(&raft::data_dir(None)?, cx.id())?;
//!         let options = Options::with_request_timeout(Duration::from_millis(900));
//!         Ok::<_, Error>(Counter(Replica::new(cx, disk, options)?))
//!     })
//! }
//! ```

mod disk;
mod exact_json;
mod log;
mod message;
mod persistent;
mod replica;
mod server;
mod session;
mod wal;

pub use self::disk::{Disk, Disks, FileDisk, MemoryDisk, Written, data_dir};
pub use self::exact_json::ExactJson;
pub use self::log::Log;
pub use self::message::{
    Appended, Command, Entry, Index, Packet, ReadId, Rpc, Snapshot, Term, Voters,
};
pub use self::persistent::{Persistent, Record};
pub use self::replica::{LogCommand, Message, Options, Replica, StateMachine};
pub use self::server::{ChangeRefused, Config, NotLeader, Output, Raft};
pub use self::session::{Sessions, Stamped};
pub use self::wal::{Recovered, Wal};
