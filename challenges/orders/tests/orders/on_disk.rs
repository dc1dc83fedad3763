//! The log of a node.

use std::collections::BTreeMap;

use eddy::seed::Seed;
use orders::shop::{Command, Shard, ShardId};
use raft::{Disks, Record, Wal};
use serde::Deserialize;

/// The records of one shard on a disk.
#[derive(Debug, Default)]
pub struct OnDisk {
    /// Index of the last entry of the snapshot.
    pub snapshot: u64,
    /// Number of entries after the snapshot.
    pub after: u64,
    /// Number of entries that the snapshot includes.
    pub before: u64,
    /// Number of orders and restocks in the snapshot.
    pub records: usize,
}

/// A record of the log, as a node writes it.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum NodeRecord {
    Archive(#[allow(dead_code, reason = "only groups are read here")] Vec<u64>),
    Group(ShardId, Record<Command>),
}

/// Reads the log of a node, by shard.
pub fn read(disks: &Disks, node: &str) -> BTreeMap<ShardId, OnDisk> {
    let mut shards: BTreeMap<ShardId, OnDisk> = BTreeMap::new();
    let disk = disks.open(node, &mut Seed(0).stream("disk"));
    let replay = |record: NodeRecord| {
        let (shard, record) = match record {
            NodeRecord::Archive(_) => return,
            NodeRecord::Group(shard, record) => (shards.entry(shard).or_default(), record),
        };
        match record {
            Record::Snapshot(snapshot) => {
                let state: Shard = serde_json::from_str(&snapshot.data).expect("a shard");
                shard.snapshot = snapshot.last_included_index;
                shard.records = state.record_count();
            }
            Record::Entry(entry) if entry.index <= shard.snapshot => shard.before += 1,
            Record::Entry(_) => shard.after += 1,
            Record::Term { .. } => {}
        }
    };
    Wal::recover_records(Box::new(disk), 0, replay).expect("an intact disk");
    shards
}
