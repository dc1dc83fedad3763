//! What the sharded strategy costs.

use eddy::net::EventKind;
use eddy::simulation::{Load, Run, secs};
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
        .rate(60.0)
        .concurrency(20)
        .time_limit(secs(12))
}

/// To the leaders of all shards, to their followers, back, and back: four messages, with a sync at
/// the leader and one at a follower, each of which may have to wait for the one before.
#[test]
fn order_within_a_shard_takes_four_messages_in_sequence() {
    let run = quiet(load().option("max-lines", 1));
    let limit = 4 * LATENCY + 4 * SYNC;
    let median = run.latency_of("order", 0.5);
    assert!(median <= limit, "{median:?}");
}

/// The same twice: reserve, settle.
#[test]
fn order_across_shards_takes_eight_messages_in_sequence() {
    let run = quiet(load());
    let limit = 8 * LATENCY + 8 * SYNC;
    let median = run.latency_of("order", 0.5);
    assert!(median <= limit, "{median:?}");
    eprintln!(
        "{} messages per operation, median {median:?}, 99 % {:?}",
        run.messages_per_op(),
        run.latency_of("order", 0.99)
    );
}

/// Messages between nodes from 4 s to 9 s after the last request of the main phase. The final phase
/// begins after 10 s.
fn messages_at_rest(shards: u32) -> usize {
    let options = Options {
        shards,
        ..Options::default()
    };
    let run = cluster(1, Strategy::Sharded, options)
        .record_all_messages()
        .run(load().time_limit(secs(5)));
    run.assert_valid();
    let origin = run.journal().origin();
    let sent = run.journal().events().iter().filter(|event| {
        let at = event.time.saturating_sub(origin);
        event.kind == EventKind::Send && secs(9) < at && at < secs(14)
    });
    sent.count()
}

#[test]
fn cluster_at_rest_sends_nothing_whatever_the_number_of_shards() {
    assert_eq!((messages_at_rest(1), messages_at_rest(32)), (0, 0));
}
