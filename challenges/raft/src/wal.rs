//! The write-ahead log: records in checksummed frames on a disk.
//!
//! A frame holds everything that is written with one sync, after its length and a checksum. A crash
//! can therefore tear only the last frame. No message that depends on that frame has left the
//! server, so recovery cuts the frame off and logs that it did. A bad frame before a good one was
//! damaged after it had been synced. Votes and entries may be missing, and a server that has
//! forgotten them endangers the whole cluster, so it refuses to start.
//!
//! Damage to the last frame cannot be distinguished from a torn write. That would need a second
//! copy of the log.

use std::io;

use glomers::Error;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::disk::Disk;
use crate::message::Command;
use crate::persistent::{Persistent, Record};

/// First bytes of every frame.
const MAGIC: [u8; 4] = *b"RAFT";

/// Size of a frame's header: magic, length of the contents and their CRC-32, both little endian.
const HEADER_BYTES: usize = 12;

/// Factor by which the log grows before it is rewritten from a snapshot. A smaller factor writes
/// snapshots more often, a larger one lengthens recovery; with 4, rewriting adds about a third to the
/// bytes written.
const GROWTH_MAX: u64 = 4;

/// The contents of a frame: the records of one write.
#[derive(Debug, Serialize, Deserialize)]
struct Frame<R> {
    /// Number of times this server has started.
    boot: u64,
    records: Vec<R>,
}

/// A server's write-ahead log.
pub struct Wal {
    disk: Box<dyn Disk>,
    boot: u64,
    /// True once a frame of this boot is on the disk.
    boot_written: bool,
    bytes: u64,
    bytes_after_rewrite: u64,
    /// The log is not rewritten below this size.
    bytes_min: u64,
}

/// The result of reading a disk.
pub struct Recovered<C> {
    /// The log, ready for appending.
    pub wal: Wal,
    /// The state that the server had made durable.
    pub persistent: Persistent<C>,
    /// A note for the node's log, if a torn frame was cut off.
    pub remark: Option<String>,
}

impl Wal {
    /// Reads a disk and cuts off a torn frame at its end. Below `bytes_min` bytes the log is never
    /// [long](Self::is_long).
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or its contents are damaged or of another program.
    pub fn recover<C>(disk: Box<dyn Disk>, bytes_min: u64) -> Result<Recovered<C>, Error>
    where
        C: Command + DeserializeOwned,
    {
        let mut persistent = Persistent::default();
        let replay = |record: Record<C>| persistent.replay(record);
        let (wal, remark) = Self::recover_records(disk, bytes_min, replay)?;
        Ok(Recovered {
            wal,
            persistent,
            remark,
        })
    }

    /// Reads a disk like [`recover`](Self::recover) and passes its records to `replay`, in the order
    /// in which they were written. They may be of any type, such as the records of several servers
    /// that share a log. Returns the log and a note if a torn frame was cut off.
    ///
    /// # Errors
    ///
    /// Those of [`recover`](Self::recover).
    pub fn recover_records<R: DeserializeOwned>(
        mut disk: Box<dyn Disk>,
        bytes_min: u64,
        mut replay: impl FnMut(R),
    ) -> Result<(Self, Option<String>), Error> {
        let name = disk.name();
        let failed = |e: io::Error| Error::crash(format!("{name}: {e}"));
        let bytes = disk.read().map_err(failed)?;
        let mut boot = 0;
        let mut rest = &bytes[..];
        while let Some((contents, after)) = next_frame(rest) {
            let frame: Frame<R> = serde_json::from_slice(contents).map_err(|e| {
                let at = bytes.len() - rest.len();
                let why = "is intact but has unknown contents: was it written by another program?";
                Error::crash(format!("{name}: the frame at byte {at} {why} ({e})"))
            })?;
            boot = frame.boot;
            frame.records.into_iter().for_each(&mut replay);
            rest = after;
        }
        let good = bytes.len() - rest.len();
        let remark = match rest {
            [] => None,
            [_, further @ ..] if has_frame(further) => {
                return Err(Error::crash(format!(
                    "{name} is damaged at byte {good}, before intact frames: refusing to start, \
                     since votes or entries may be missing"
                )));
            }
            torn => Some(format!(
                "{name}: cut off {} bytes that were being written when the server crashed",
                torn.len()
            )),
        };
        if remark.is_some() {
            disk.truncate(good as u64).map_err(failed)?;
        }
        let wal = Self {
            disk,
            boot: boot + 1,
            boot_written: false,
            bytes: good as u64,
            bytes_after_rewrite: 0,
            bytes_min,
        };
        Ok((wal, remark))
    }

    /// Returns the number of times the server has started, this time included. It is unique among
    /// all boots in which something was written.
    pub fn boot(&self) -> u64 {
        self.boot
    }

    /// Appends records and makes them durable. The first call of a boot writes a frame even without
    /// records, so that the boot number is durable before any message leaves the server.
    ///
    /// # Errors
    ///
    /// The disk failed. It must not be used again.
    pub async fn write<R: Serialize>(&mut self, records: Vec<R>) -> io::Result<()> {
        if records.is_empty() && self.boot_written {
            return Ok(());
        }
        let bytes = self.frame(records)?;
        self.bytes += bytes.len() as u64;
        self.disk.append(&bytes)?;
        self.disk.sync().await?;
        self.boot_written = true;
        Ok(())
    }

    /// Returns whether the log should be rewritten from a snapshot.
    pub fn is_long(&self) -> bool {
        self.bytes > self.bytes_min.max(GROWTH_MAX * self.bytes_after_rewrite)
    }

    /// Replaces the contents of the disk by these records, atomically and durably.
    ///
    /// # Errors
    ///
    /// The disk failed. It must not be used again.
    pub async fn rewrite<R: Serialize>(&mut self, records: Vec<R>) -> io::Result<()> {
        let bytes = self.frame(records)?;
        self.bytes = bytes.len() as u64;
        self.bytes_after_rewrite = self.bytes;
        self.disk.replace(bytes).await
    }

    fn frame<R: Serialize>(&self, records: Vec<R>) -> io::Result<Vec<u8>> {
        let boot = self.boot;
        let contents = serde_json::to_vec(&Frame { boot, records })?;
        let length = u32::try_from(contents.len()).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(HEADER_BYTES + contents.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&contents).to_le_bytes());
        bytes.extend_from_slice(&contents);
        Ok(bytes)
    }
}

/// Splits the bytes into the contents of the frame that they begin with and the rest. Returns `None`
/// if they do not begin with an intact frame.
fn next_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, after) = bytes.split_at_checked(HEADER_BYTES)?;
    let length = u32::from_le_bytes(header[4..8].try_into().ok()?);
    let checksum = u32::from_le_bytes(header[8..12].try_into().ok()?);
    let (contents, rest) = after.split_at_checked(length as usize)?;
    (header[..4] == MAGIC && crc32fast::hash(contents) == checksum).then_some((contents, rest))
}

/// Returns whether an intact frame begins anywhere in these bytes.
fn has_frame(bytes: &[u8]) -> bool {
    bytes
        .windows(MAGIC.len())
        .enumerate()
        .any(|(start, window)| window == MAGIC && next_frame(&bytes[start..]).is_some())
}
