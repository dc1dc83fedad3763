//! Orders that leave memory, and what is asked of them afterwards.

use eddy::nemesis::{Fault, Kill};
use eddy::net::Latency;
use eddy::simulation::{Run, Simulation, for_seeds, ms, secs};
use orders::Options;
use orders::archive::MemoryFiles;
use raft::Disks;

use crate::cluster::{LATENCY, SYNC, Strategy, load, nodes_with_files};
use crate::on_disk::{OnDisk, read};

/// The disks of a cluster whose orders are idle after half a second, and whose logs are short.
struct Storage {
    disks: Disks,
    files: MemoryFiles,
}

impl Storage {
    fn new() -> Self {
        Self {
            disks: Disks::new(SYNC),
            files: MemoryFiles::new(SYNC),
        }
    }

    fn simulation(&self, seed: impl Into<eddy::seed::Seed>, nodes: usize) -> Simulation {
        let options = Options {
            idle: ms(500),
            log_bytes_min: 20_000,
            ..Options::default()
        };
        let (disks, files) = (self.disks.clone(), self.files.clone());
        let make = nodes_with_files(Strategy::Sharded, options, disks, files);
        let simulation = Simulation::new(seed).nodes(nodes, make);
        simulation.latency(Latency::constant(LATENCY))
    }

    /// Returns the number of records in the snapshots of a node.
    fn records_in_snapshots(&self, node: &str) -> usize {
        let shards = read(&self.disks, node);
        shards.values().map(|it: &OnDisk| it.records).sum()
    }
}

fn orders(run: &Run) -> usize {
    let pairs = run.history().pairs();
    pairs
        .filter(|(invocation, _)| invocation.f == "order")
        .count()
}

/// Snapshots contain what was in memory when they were taken. The final phase asks all nodes for all
/// orders, most of which only the archive has.
#[test]
fn idle_orders_leave_memory_and_return_when_asked_for() {
    let storage = Storage::new();
    let run = storage
        .simulation(1, 3)
        .run(load().rate(200.0).concurrency(50).time_limit(secs(20)));
    run.assert_valid();
    let orders = orders(&run);
    for node in ["n0", "n1", "n2"] {
        let (records, bytes) = (
            storage.records_in_snapshots(node),
            storage.files.bytes(node),
        );
        eprintln!("{node}: {orders} orders, {records} records in snapshots, {bytes} bytes outside");
        assert!(records < orders / 5, "{records} records in memory");
        assert!(bytes > 50 * orders, "{bytes} bytes of {orders} orders");
    }
    assert!(storage.files.reads() > 0, "nothing was read");
}

/// Kills hit segments that are being written, and logs that are being replaced. Restarted nodes have
/// missed entries that only snapshots and archives of others have.
#[test]
fn orders_outside_memory_survive_kills() {
    for_seeds(3, |seed| {
        let storage = Storage::new();
        let run = storage
            .simulation(seed, 5)
            .nemesis(Kill::one().every(secs(2)))
            .run(load().rate(100.0));
        run.assert_valid();
        assert!(run.kills() > 0, "no node was killed");
        let bytes = (0..5).map(|node| storage.files.bytes(&format!("n{node}")));
        assert!(bytes.sum::<usize>() > 10_000, "few orders left memory");
    });
}
