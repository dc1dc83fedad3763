//! What a node replays when it restarts.

use eddy::simulation::Simulation;
use orders::Options;
use raft::Disks;

use crate::cluster::{SYNC, Strategy, load, nodes};
use crate::on_disk::{OnDisk, read};

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
