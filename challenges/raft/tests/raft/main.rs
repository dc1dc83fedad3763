//! The specification of Raft: the paper's properties and scenarios, the disk, and the replica.

mod cluster;
mod disk;
mod local_snapshots;
mod quiet;
mod replica;
mod safety;
mod transcripts;
