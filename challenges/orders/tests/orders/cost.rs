//! What the sharded strategy costs.

use eddy::simulation::{Load, Run, ms, secs};
use eddy::workload;
use orders::Options;

use crate::cluster::{LATENCY, SYNC, Strategy, cluster};

fn quiet(load: Load) -> Run {
    let run = cluster(1, Strategy::Sharded, Options::default()).run(load);
    run.assert_valid();
    run
}

fn load() -> Load {
    Load::of(workload::Orders)
        .concurrency(20)
        .time_limit(secs(20))
}

/// To the leaders of all shards, to their followers, back, and back: four messages, with a sync at
/// the leader and one at a follower.
#[test]
fn order_within_a_shard_takes_four_messages_in_sequence() {
    let run = quiet(load().rate(100.0).option("max-lines", 1));
    let limit = 4 * LATENCY + 2 * SYNC + ms(1);
    let median = run.latency_of("order", 0.5);
    assert!(median <= limit, "{median:?}");
}

/// The same twice: reserve, settle.
#[test]
fn order_across_shards_takes_eight_messages_in_sequence() {
    let run = quiet(load().rate(100.0));
    let limit = 8 * LATENCY + 4 * SYNC + ms(2);
    let median = run.latency_of("order", 0.5);
    assert!(median <= limit, "{median:?}");
    eprintln!(
        "{} messages per operation, median {median:?}, 99 % {:?}",
        run.messages_per_op(),
        run.latency_of("order", 0.99)
    );
}
