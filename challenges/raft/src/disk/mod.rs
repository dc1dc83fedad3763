//! The disk: one append-only file that can be replaced as a whole.
//!
//! Appended bytes are durable once [`sync`](Disk::sync) has returned. A crash before that may keep
//! all of them, a prefix, or none. [`FileDisk`] is a real file; [`MemoryDisk`] simulates a disk that
//! loses power.

mod file;
mod memory;

use std::future::Future;
use std::io;
use std::pin::Pin;

pub use file::{FileDisk, data_dir};
pub use memory::{Disks, MemoryDisk};

/// A disk operation in progress.
pub type Written<'a> = Pin<Box<dyn Future<Output = io::Result<()>> + 'a>>;

/// A file that survives its process.
pub trait Disk: 'static {
    /// Returns the name of the disk for log messages.
    fn name(&self) -> String;

    /// Reads the whole file. Called once, before anything is written.
    fn read(&mut self) -> io::Result<Vec<u8>>;

    /// Shortens the file to `length` bytes, durably.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Appends bytes. They are durable after the next [`sync`](Self::sync).
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes all appended bytes durable. After an error the contents of the disk are unknown and the
    /// disk must not be used again: a later sync may report success for pages that were lost.
    fn sync(&mut self) -> Written<'_>;

    /// Replaces the contents durably and atomically: a crash leaves the old or the new contents.
    fn replace(&mut self, contents: Vec<u8>) -> Written<'_>;
}
