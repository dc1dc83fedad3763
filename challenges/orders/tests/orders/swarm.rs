//! Shards on Raft groups under faults that a seed draws.

use eddy::simulation::{Configuration, Run, Swarm, ms, secs};
use eddy::workload;
use orders::Options;
use raft::Disks;
use rand::RngExt;

use crate::cluster::{Strategy, nodes};

fn swarm() -> Swarm {
    Swarm::of(workload::Orders)
        .nodes(2..=7)
        .latency_up_to(ms(30))
        .time_limit(secs(15), secs(4))
}

/// Logs are short, so that snapshots are frequent, orders leave memory soon, and disks lose what was not
/// synced. Up to two nodes join during the run. In half of the runs, nodes that do not answer are
/// replaced, also if they only were slow.
fn run(drawn: &Configuration) -> Run {
    let mut rng = drawn.rng();
    let sync = ms(rng.random_range(0..10));
    let options = Options {
        shards: rng.random_range(1..=16),
        log_bytes_min: rng.random_range(1_000..50_000),
        spares: rng.random_range(0..=2),
        join_interval: ms(rng.random_range(0..4_000)),
        replace_after: rng
            .random_bool(0.5)
            .then(|| ms(rng.random_range(200..4_000))),
        idle: ms(rng.random_range(0..3_000)),
        ..Options::default()
    };
    let note = format!(
        "syncs of {sync:?}, {} shards, logs from {} bytes, {} spares every {:?}, replacement \
         after {:?}, idle after {:?}",
        options.shards,
        options.log_bytes_min,
        options.spares,
        options.join_interval,
        options.replace_after,
        options.idle
    );
    let nodes = nodes(Strategy::Sharded, options, Disks::new(sync));
    let simulation = drawn.simulation().nodes(drawn.nodes, nodes).note(note);
    simulation.run(drawn.load())
}

#[test]
fn no_mixture_of_faults_makes_the_shop_lie() {
    swarm().for_each(10, |drawn| run(drawn).assert_safe());
}

#[test]
fn same_seed_gives_the_same_run_message_for_message() {
    swarm().assert_repeatable(1, run);
}
