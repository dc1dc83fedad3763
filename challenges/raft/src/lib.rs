//! Raft: one log that several servers agree on, and state machines that follow it.
//!
//! After Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (extended
//! version, 2014), to be read beside it: names are the paper's, and comments say which rule of which
//! figure a line is. "Dissertation" is Ongaro's, of the same year. The README has a table of which
//! rule is where, and of what differs.
//!
//! From the inside out:
//! - [`Raft`] is the algorithm. It knows no disk, network or clock: events go in, and an [`Output`]
//!   says what is to be done, of which the records must be durable before anything else.
//! - [`Wal`] makes records durable on a [`Disk`]: a [`FileDisk`], or in simulations one of the
//!   [`Disks`], which lose at a crash what was not synced.
//! - [`Replica`] drives both on the node runtime, and serves clients: a [`StateMachine`]'s commands
//!   with [`Replica::execute`], exactly once, and its reads with [`Replica::read`], never stale.
//!
//! # A replicated counter
//!
//! What is to be replicated is a state machine. A node hands its clients' requests to the replica,
//! and the other replicas' messages too; the replica does the rest in the node's background.
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
//! #[serde(tag = "type", rename_all = "snake_case")]
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
//!             // Enters the log; the answer comes once it is committed, and applied here.
//!             Request::Add { delta } => Reply::AddOk { value: self.0.execute(delta).await? },
//!             // Enters nothing: a majority confirms that nothing is missing here.
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
//!         let disk = FileDisk::open(&raft::data_dir(), cx.id())?;
//!         let options = Options::patience(Duration::from_millis(900));
//!         Ok::<_, Error>(Counter(Replica::new(cx, disk, options)?))
//!     })
//! }
//! ```

mod disk;
mod log;
mod message;
mod persistent;
mod replica;
mod server;
mod session;
mod wal;

pub use self::disk::{Disk, Disks, FileDisk, MemoryDisk, Written, data_dir};
pub use self::log::Log;
pub use self::message::{Appended, Command, Entry, Index, Packet, ReadId, Rpc, Snapshot, Term};
pub use self::persistent::{Persistent, Record};
pub use self::replica::{Message, Options, Replica, StateMachine};
pub use self::server::{Config, NotLeader, Output, Raft};
pub use self::session::{Sessions, Stamped};
pub use self::wal::{Recovered, Wal};
