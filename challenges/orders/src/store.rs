//! One log file for all groups of a node: a turn of all groups is one frame and one sync.
//!
//! Frames are checksummed as in package `raft`. A crash can tear only the last frame, on which no
//! message depended, so recovery cuts it off.

use std::collections::BTreeMap;
use std::io;

use glomers::{Error, Result};
use raft::{Disk, Persistent, Record};
use serde::{Deserialize, Serialize};

use crate::shop::{Command, ShardId};

/// Length and CRC-32 of a frame's contents, both little endian.
const HEADER_BYTES: usize = 8;

/// Factor by which the log grows before snapshots replace it.
const GROWTH_MAX: u64 = 4;

/// A change to the persistent state of a group.
pub(crate) type GroupRecord = (ShardId, Record<Command>);

#[derive(Serialize, Deserialize)]
struct Frame(Vec<GroupRecord>);

/// The log file of a node.
pub(crate) struct Store {
    disk: Box<dyn Disk>,
    bytes: u64,
    bytes_after_rewrite: u64,
    /// Size below which the log is not rewritten.
    bytes_min: u64,
}

impl Store {
    /// Reads a disk. Returns the log and the state of each group that has one.
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or a frame before the last one is damaged.
    pub(crate) fn recover(
        mut disk: Box<dyn Disk>,
        bytes_min: u64,
    ) -> Result<(Self, BTreeMap<ShardId, Persistent<Command>>)> {
        let bytes = disk.read()?;
        let mut groups: BTreeMap<ShardId, Persistent<Command>> = BTreeMap::new();
        let mut rest = &bytes[..];
        while let Some((contents, after)) = next_frame(rest) {
            let Frame(records) = serde_json::from_slice(contents)?;
            for (group, record) in records {
                groups.entry(group).or_default().replay(record);
            }
            rest = after;
        }
        if (1..rest.len()).any(|start| next_frame(&rest[start..]).is_some()) {
            let text = format!("{} is damaged before intact frames", disk.name());
            return Err(Error::crash(text));
        }
        let good = (bytes.len() - rest.len()) as u64;
        if !rest.is_empty() {
            disk.truncate(good)?;
        }
        let store = Self {
            disk,
            bytes: good,
            bytes_after_rewrite: 0,
            bytes_min,
        };
        Ok((store, groups))
    }

    /// Appends records of any groups and makes them durable.
    pub(crate) async fn write(&mut self, records: Vec<GroupRecord>) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let bytes = frame(records)?;
        self.bytes += bytes.len() as u64;
        self.disk.append(&bytes)?;
        self.disk.sync().await
    }

    /// Returns whether snapshots should replace the log.
    pub(crate) fn is_long(&self) -> bool {
        self.bytes > self.bytes_min.max(GROWTH_MAX * self.bytes_after_rewrite)
    }

    /// Replaces the whole log by these records, atomically and durably.
    pub(crate) async fn rewrite(&mut self, records: Vec<GroupRecord>) -> io::Result<()> {
        let bytes = frame(records)?;
        self.bytes = bytes.len() as u64;
        self.bytes_after_rewrite = self.bytes;
        self.disk.replace(bytes).await
    }
}

fn frame(records: Vec<GroupRecord>) -> io::Result<Vec<u8>> {
    let contents = serde_json::to_vec(&Frame(records))?;
    let length = u32::try_from(contents.len()).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + contents.len());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&contents).to_le_bytes());
    bytes.extend_from_slice(&contents);
    Ok(bytes)
}

/// Splits bytes into the contents of their first frame and the rest, if the frame is intact.
fn next_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, after) = bytes.split_at_checked(HEADER_BYTES)?;
    let length = u32::from_le_bytes(header[..4].try_into().ok()?);
    let checksum = u32::from_le_bytes(header[4..].try_into().ok()?);
    let (contents, rest) = after.split_at_checked(length as usize)?;
    // An empty frame is never written; zeros must not look like one.
    (length > 0 && crc32fast::hash(contents) == checksum).then_some((contents, rest))
}
