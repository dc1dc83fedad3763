//! The disk, as little of it as Raft needs: one file that grows at its end.
//!
//! What is appended is durable once [`sync`](Disk::sync) has returned, and not before: a crash in
//! between may keep all of it, some of it, or nothing. [`FileDisk`] is a real file;
//! [`MemoryDisk`] is one that a simulation can pull the plug of.

mod file;
mod memory;

use std::future::Future;
use std::io;
use std::pin::Pin;

pub use file::{FileDisk, data_dir};
pub use memory::{Disks, MemoryDisk};

/// The outcome of something that takes a disk some time.
pub type Written<'a> = Pin<Box<dyn Future<Output = io::Result<()>> + 'a>>;

/// A file that survives its process.
pub trait Disk: 'static {
    /// What it is called, for people.
    fn name(&self) -> String;

    /// Everything in it. Called once, before anything is written.
    fn read(&mut self) -> io::Result<Vec<u8>>;

    /// Cuts it off at a length, durably.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Adds bytes at its end. They are durable after the next [`sync`](Self::sync).
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes durable what was appended. After an error nobody knows what is on the disk, and the
    /// file must not be used any more: asking once more would not tell the truth.
    fn sync(&mut self) -> Written<'_>;

    /// Replaces everything in it, durably: a crash leaves either the old contents or the new.
    fn replace(&mut self, contents: Vec<u8>) -> Written<'_>;
}
