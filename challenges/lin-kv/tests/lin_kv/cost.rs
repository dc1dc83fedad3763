//! The cost of an operation without faults, in round trips and messages.

use std::time::Duration;

use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Run, Simulation, for_each_seed, ms, secs};
use raft::Disks;

use crate::cluster::{answered, latencies, load, node_of, nodes, options};

/// Latency of a message, so long that other delays do not matter.
const LATENCY: Duration = ms(50);

/// Latency of a request and its reply.
const ROUND_TRIP: Duration = ms(100);

/// Times have a resolution of 1 ms, and each of up to four messages may arrive a fraction early.
const TOLERANCE: Duration = ms(4);

/// Maximum delay of a client's request by the bench. One queue per node delivers its messages and
/// waits for the earliest one, so a request may wait for a message between servers.
const QUEUE_DELAY: Duration = LATENCY;

/// The leader: in a new cluster the first node has the shortest election timeout.
const LEADER: usize = 0;

/// Time by which a leader is elected.
const ELECTED: Duration = secs(2);

/// Runs so few operations that most do not overlap, with disks that take no time.
fn run_quietly(seed: Seed, count: usize) -> Run {
    let run = Simulation::new(seed)
        .nodes(count, nodes(&Disks::default(), options()))
        .latency(Latency::constant(LATENCY))
        // All clients share one key, so that reads come in at every node.
        .run(
            load(count)
                .rate(4.0)
                .concurrency(2 * count)
                .time_limit(secs(90)),
        );
    run.assert_valid();
    assert_eq!(answered(&run, ELECTED), 1.0);
    run
}

/// Asserts that operations `f` at the chosen nodes take at least `expected`, and that `share` of them
/// take at most that long plus the queue delay.
#[track_caller]
fn assert_takes(
    run: &Run,
    f: &str,
    (share, expected): (f64, Duration),
    at: impl Fn(usize) -> bool,
    count: usize,
) {
    let latencies = latencies(run, f, ELECTED, |invocation| at(node_of(invocation, count)));
    assert!(latencies.len() > 3, "too few {f} operations");
    let shortest = latencies[0];
    assert!(
        shortest + TOLERANCE >= expected,
        "a {f} took only {shortest:?}"
    );
    assert!(
        shortest <= expected + TOLERANCE,
        "no {f} took less than {shortest:?}"
    );
    let longest = latencies[(latencies.len() as f64 * share) as usize - 1];
    assert!(
        longest <= expected + QUEUE_DELAY + TOLERANCE,
        "a {f} took {longest:?}"
    );
}

/// A leader sends the entry, or a round of heartbeats for a read, and waits for the replies.
#[test]
fn operation_at_leader_takes_one_round_trip() {
    for_each_seed(|seed| {
        for count in [3, 5] {
            let run = run_quietly(seed, count);
            for f in ["read", "write", "cas"] {
                assert_takes(&run, f, (1.0, ROUND_TRIP), |node| node == LEADER, count);
            }
        }
    });
}

/// A follower of three nodes forwards a command and learns from the entry itself that it is
/// committed. Its request for a read index confirms the leader. A read waits longer while a write is
/// in progress.
#[test]
fn operation_at_follower_of_three_nodes_takes_one_round_trip() {
    for_each_seed(|seed| {
        let run = run_quietly(seed, 3);
        for (f, share) in [("read", 0.6), ("write", 1.0), ("cas", 1.0)] {
            assert_takes(&run, f, (share, ROUND_TRIP), |node| node != LEADER, 3);
        }
    });
}

/// With five nodes the leader needs an answer of a second follower before it replies.
#[test]
fn operation_at_follower_of_five_nodes_takes_two_round_trips() {
    for_each_seed(|seed| {
        let run = run_quietly(seed, 5);
        for f in ["read", "write", "cas"] {
            assert_takes(&run, f, (1.0, 2 * ROUND_TRIP), |node| node != LEADER, 5);
        }
    });
}

/// A single node commits an entry as soon as it is on disk.
#[test]
fn single_node_sends_no_messages() {
    for_each_seed(|seed| {
        let run = run_quietly(seed, 1);
        assert_eq!(run.messages_per_op(), 0.0);
        for f in ["read", "write", "cas"] {
            assert_takes(&run, f, (1.0, Duration::ZERO), |_| true, 1);
        }
    });
}
