//! The write-ahead log: records in frames on a disk.
//!
//! A frame holds all that is written between two syncs, behind its length and a checksum. So a
//! crash can tear the last frame only, and nothing in it was promised to anybody yet: it is cut
//! off, with a word in the log. A frame that is bad although a good one follows was good once, and
//! has been damaged since. Votes and entries may be gone with it, and a server that forgot them is
//! a danger to the whole cluster, so it refuses to start.
//!
//! Damage to the very last frame cannot be told from a torn one; no log without a second copy can.

use std::io;

use glomers::Error;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::disk::Disk;
use crate::message::Command;
use crate::persistent::{Persistent, Record};

/// What every frame begins with.
const MAGIC: [u8; 4] = *b"RAFT";

/// The magic, the length of the contents, and their checksum (CRC-32), both in little endian.
const HEADER_BYTES: usize = 12;

/// The log is rewritten, and begins with a snapshot again, when it has grown by this factor since
/// the last time.
const GROWTH_MAX: u64 = 4;

/// The contents of a frame: what was written in one go.
#[derive(Debug, Serialize, Deserialize)]
struct Frame<C> {
    /// How many times this server has started.
    boot: u64,
    records: Vec<Record<C>>,
}

/// A server's write-ahead log.
pub struct Wal {
    disk: Box<dyn Disk>,
    boot: u64,
    /// Whether this boot is on the disk yet.
    boot_written: bool,
    bytes: u64,
    bytes_after_rewrite: u64,
    bytes_min: u64,
}

/// What a disk held.
pub struct Recovered<C> {
    /// The log, to go on with.
    pub wal: Wal,
    /// The state that the server had.
    pub persistent: Persistent<C>,
    /// What people should know.
    pub remark: Option<String>,
}

impl Wal {
    /// Reads what is on a disk, and cuts off a torn end. `bytes_min` is how long the log may become
    /// at least before it is [to be rewritten](Self::is_long).
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or what is on it is damaged.
    pub fn recover<C>(mut disk: Box<dyn Disk>, bytes_min: u64) -> Result<Recovered<C>, Error>
    where
        C: Command + DeserializeOwned,
    {
        let name = disk.name();
        let failed = |e: io::Error| Error::crash(format!("{name}: {e}"));
        let bytes = disk.read().map_err(failed)?;
        let mut persistent = Persistent::default();
        let mut boot = 0;
        let mut rest = &bytes[..];
        while let Some((contents, behind)) = next_frame(rest) {
            let frame: Frame<C> = serde_json::from_slice(contents).map_err(|e| {
                let at = bytes.len() - rest.len();
                let why = "is whole, but not understood: was it written by another program?";
                Error::crash(format!("{name}: the frame at byte {at} {why} ({e})"))
            })?;
            boot = frame.boot;
            for record in frame.records {
                persistent.replay(record);
            }
            rest = behind;
        }
        let good = bytes.len() - rest.len();
        let remark = match rest {
            [] => None,
            [_, further @ ..] if has_frame(further) => {
                return Err(Error::crash(format!(
                    "{name} is damaged at byte {good}, before the end of what was written: \
                     refusing to start with a memory that has gaps"
                )));
            }
            torn => Some(format!(
                "{name}: cut off {} bytes that were being written when the server died",
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
        Ok(Recovered {
            wal,
            persistent,
            remark,
        })
    }

    /// How many times the server has started, this time included. Greater than ever before, once
    /// something was written.
    pub fn boot(&self) -> u64 {
        self.boot
    }

    /// Writes records; they are durable when this returns. The first time that includes the number
    /// of the boot, even if there are no records.
    ///
    /// # Errors
    ///
    /// The disk failed; it must not be used any more.
    pub async fn write<C: Serialize>(&mut self, records: Vec<Record<C>>) -> io::Result<()> {
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

    /// Whether the log has become much longer than it has to be.
    pub fn is_long(&self) -> bool {
        self.bytes > self.bytes_min.max(GROWTH_MAX * self.bytes_after_rewrite)
    }

    /// Replaces everything on the disk by these records.
    ///
    /// # Errors
    ///
    /// The disk failed; it must not be used any more.
    pub async fn rewrite<C: Serialize>(&mut self, records: Vec<Record<C>>) -> io::Result<()> {
        let bytes = self.frame(records)?;
        self.bytes = bytes.len() as u64;
        self.bytes_after_rewrite = self.bytes;
        self.disk.replace(bytes).await
    }

    fn frame<C: Serialize>(&self, records: Vec<Record<C>>) -> io::Result<Vec<u8>> {
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

/// The contents of the frame that the bytes begin with, and what is behind it; none if there is no
/// whole and undamaged frame.
fn next_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, behind) = bytes.split_at_checked(HEADER_BYTES)?;
    let length = u32::from_le_bytes(header[4..8].try_into().ok()?);
    let checksum = u32::from_le_bytes(header[8..12].try_into().ok()?);
    let (contents, rest) = behind.split_at_checked(length as usize)?;
    (header[..4] == MAGIC && crc32fast::hash(contents) == checksum).then_some((contents, rest))
}

/// Whether a whole and undamaged frame begins anywhere in these bytes.
fn has_frame(bytes: &[u8]) -> bool {
    bytes
        .windows(MAGIC.len())
        .enumerate()
        .any(|(start, window)| window == MAGIC && next_frame(&bytes[start..]).is_some())
}
