//! What a node replays when it restarts.

use std::collections::BTreeMap;

use eddy::seed::Seed;
use eddy::simulation::Simulation;
use orders::Options;
use orders::shop::{Command, ShardId};
use raft::{Disks, Record, Wal};

use crate::cluster::{SYNC, Strategy, load, nodes};

/// The records of one shard on a disk.
#[derive(Debug, Default)]
struct OnDisk {
    /// Index of the last entry of the snapshot.
    snapshot: u64,
    /// Number of entries after the snapshot.
    after: u64,
    /// Number of entries that the snapshot includes.
    before: u64,
}

fn read(disks: &Disks, node: &str) -> BTreeMap<ShardId, OnDisk> {
    let mut shards: BTreeMap<ShardId, OnDisk> = BTreeMap::new();
    let disk = disks.open(node, &mut Seed(0).stream("disk"));
    let replay = |(shard, record): (ShardId, Record<Command>)| {
        let shard = shards.entry(shard).or_default();
        match record {
            Record::Snapshot(snapshot) => shard.snapshot = snapshot.last_included_index,
            Record::Entry(entry) if entry.index <= shard.snapshot => shard.before += 1,
            Record::Entry(_) => shard.after += 1,
            Record::Term { .. } => {}
        }
    };
    Wal::recover_records(Box::new(disk), 0, replay).expect("an intact disk");
    shards
}

/// The log begins with the snapshots of all shards, so a restarted node applies only entries that came
/// after them.
#[test]
fn restarted_node_replays_only_what_came_after_the_last_snapshot() {
    let disks = Disks::new(SYNC);
    let options = Options {
        log_bytes_min: 20_000,
        ..Options::default()
    };
    let run = Simulation::new(1)
        .nodes(3, nodes(Strategy::Sharded, options, disks.clone()))
        .run(load());
    run.assert_valid();
    for node in ["n0", "n1", "n2"] {
        let shards = read(&disks, node);
        eprintln!("{node}: {shards:?}");
        assert_eq!(shards.len(), 8);
        let sum = |count: fn(&OnDisk) -> u64| shards.values().map(count).sum::<u64>();
        let (snapshot, before, after) = (
            sum(|it| it.snapshot),
            sum(|it| it.before),
            sum(|it| it.after),
        );
        assert_eq!(before, 0, "{node} replays what its snapshots include");
        assert!(
            snapshot > 100,
            "{node} has snapshots of {snapshot} entries only"
        );
        assert!(
            after < snapshot,
            "{node} replays {after} of {snapshot} entries"
        );
    }
}
