//! Raft: one log that several servers agree on, and state machines that follow it.
//!
//! After Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (extended
//! version, 2014), to be read beside it: names are the paper's, and comments say which rule of which
//! figure a line is. "Dissertation" is Ongaro's, of the same year.
//!
//! From the inside out:
//! - [`Raft`] is the algorithm. It knows no disk, network or clock: events go in, and an [`Output`]
//!   says what is to be done, of which the records must be durable before anything else.
//! - [`Wal`] makes records durable on a [`Disk`]: a [`FileDisk`], or in simulations one of the
//!   [`Disks`], which lose at a crash what was not synced.
//! - [`Replica`] drives both on the node runtime, and serves clients: a [`StateMachine`]'s commands
//!   with [`Replica::execute`], exactly once, and its reads with [`Replica::read`], never stale.

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
