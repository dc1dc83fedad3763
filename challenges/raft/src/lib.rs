//! Raft.

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
