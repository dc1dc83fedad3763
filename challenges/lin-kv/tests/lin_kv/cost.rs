//! What an operation costs when nothing goes wrong: round trips and messages.

use std::time::Duration;

use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Run, Simulation, for_each_seed, ms, secs};
use raft::Disks;

use crate::cluster::{answered, latencies, load, node_of, nodes, options};

/// A message takes so long: long enough that nothing else counts.
const LATENCY: Duration = ms(50);

/// Two messages.
const ROUND_TRIP: Duration = ms(100);

/// Times are told to a millisecond, and each of up to four messages may arrive a fraction early.
const TOLERANCE: Duration = ms(4);

/// What comes to a node is handed over by one pump, which sleeps on the next message between
/// servers. So a client's request may have to wait for one that is on its way.
const PUMP: Duration = LATENCY;

/// The first node leads: in a new cluster nobody contests it.
const LEADER: usize = 0;

/// By then there is a leader.
const ELECTED: Duration = secs(2);

/// So few operations that most of them are alone, and disks that take no time.
fn quiet(seed: Seed, count: usize) -> Run {
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

/// Fails unless operations of this name take so long at the nodes chosen: at least, and but for the
/// pump, this share of them at most.
#[track_caller]
fn assert_takes(
    run: &Run,
    f: &str,
    (share, expected): (f64, Duration),
    at: impl Fn(usize) -> bool,
    count: usize,
) {
    let latencies = latencies(run, f, ELECTED, |invocation| at(node_of(invocation, count)));
    assert!(latencies.len() > 3, "hardly any {f}");
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
        longest <= expected + PUMP + TOLERANCE,
        "a {f} took {longest:?}"
    );
}

/// A leader sends the entry, or the question whether it still leads, and is answered.
#[test]
fn at_the_leader_every_operation_takes_one_round_trip() {
    for_each_seed(|seed| {
        for count in [3, 5] {
            let run = quiet(seed, count);
            for f in ["read", "write", "cas"] {
                assert_takes(&run, f, (1.0, ROUND_TRIP), |node| node == LEADER, count);
            }
        }
    });
}

/// Of three nodes, a follower hands a command on and learns by the entry itself that it is
/// committed; with a read, its question is the leader's confirmation. Unless a write is under way:
/// then the read waits for that.
#[test]
fn of_three_nodes_an_operation_takes_one_round_trip_at_a_follower_too() {
    for_each_seed(|seed| {
        let run = quiet(seed, 3);
        for (f, share) in [("read", 0.6), ("write", 1.0), ("cas", 1.0)] {
            assert_takes(&run, f, (share, ROUND_TRIP), |node| node != LEADER, 3);
        }
    });
}

/// Of five nodes, the leader has to hear from a second follower in between.
#[test]
fn of_five_nodes_an_operation_takes_two_round_trips_at_a_follower() {
    for_each_seed(|seed| {
        let run = quiet(seed, 5);
        for f in ["read", "write", "cas"] {
            assert_takes(&run, f, (1.0, 2 * ROUND_TRIP), |node| node != LEADER, 5);
        }
    });
}

/// A single node agrees with itself, once it is on disk.
#[test]
fn a_node_alone_needs_no_message_and_no_time() {
    for_each_seed(|seed| {
        let run = quiet(seed, 1);
        assert_eq!(run.messages_per_op(), 0.0);
        for f in ["read", "write", "cas"] {
            assert_takes(&run, f, (1.0, Duration::ZERO), |_| true, 1);
        }
    });
}
