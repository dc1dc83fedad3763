//! Nodes that join, and nodes that die for good.

use std::collections::BTreeSet;
use std::time::Duration;

use eddy::edn::Value;
use eddy::history::Kind;
use eddy::nemesis::{Fault, Kill, Partition, Target};
use eddy::net::EventKind;
use eddy::simulation::{Run, for_seeds, ms, secs};
use orders::Options;

use crate::cluster::{Strategy, cluster, cluster_of, load};

/// Five nodes hold the shards at first, two join.
const NODES: usize = 7;

/// The end of the main phase. Dead nodes restart then, and are asked like all others.
const END: Duration = secs(24);

/// The two nodes that die, and when. Without replacement, a shard with both of them is lost, and one of
/// eight shards at least has both.
const DEAD: [(usize, Duration); 2] = [(0, secs(3)), (1, secs(12))];

fn run(seed: eddy::seed::Seed, replace_after: Option<Duration>) -> Run {
    let options = Options {
        spares: 2,
        replace_after,
        // Spares are sent orders that have left memory.
        idle: secs(1),
        log_bytes_min: 20_000,
        ..Options::default()
    };
    let mut simulation = cluster_of(NODES, seed, Strategy::Sharded, options);
    for (node, at) in DEAD {
        let kill = Kill::of(Target::Node(node)).between(at, END);
        simulation = simulation.nemesis(kill);
    }
    simulation.run(load().time_limit(END).fault_free_tail(secs(0)))
}

/// Operations of the main phase.
#[derive(Debug, Default)]
struct Operations {
    all: usize,
    ok: usize,
    longest: Duration,
}

impl Operations {
    /// Counts the operations from a time on at nodes that live throughout.
    fn at_live_nodes(run: &Run, dead: &[(usize, Duration)], from: Duration) -> Self {
        let dead = dead.iter().map(|(node, _)| Value::from(format!("n{node}")));
        let dead: Vec<Value> = dead.collect();
        let mut operations = Self::default();
        for (invocation, completion) in run.history().pairs() {
            let is_live = invocation
                .value
                .get("node")
                .is_some_and(|it| !dead.contains(it));
            let is_late = invocation.time >= from;
            if invocation.is_final() || !is_live || !is_late {
                continue;
            }
            operations.all += 1;
            if let Some(done) = completion.filter(|done| done.kind == Kind::Ok) {
                operations.ok += 1;
                operations.longest = operations.longest.max(done.time - invocation.time);
            }
        }
        operations
    }
}

#[test]
fn nodes_that_die_one_after_the_other_are_replaced() {
    for_seeds(3, |seed| {
        let run = run(seed, Some(secs(2)));
        run.assert_valid();
        assert_eq!(run.kills(), DEAD.len());
        let operations = Operations::at_live_nodes(&run, &DEAD, Duration::ZERO);
        eprintln!("{operations:?}");
        assert!(operations.all > 500, "{operations:?}");
        assert!(
            operations.ok as f64 >= 0.99 * operations.all as f64,
            "{operations:?}"
        );
        assert!(operations.longest < secs(3), "{operations:?}");
    });
}

/// The twin of the test above: it is the replacement that keeps the shards available.
#[test]
fn shards_without_replacement_are_lost_with_their_second_node() {
    let run = run(eddy::seed::Seed(1), None);
    run.assert_safe();
    let operations = Operations::at_live_nodes(&run, &DEAD, DEAD[1].1 + secs(3));
    eprintln!("{operations:?}");
    assert!(
        (operations.ok as f64) < 0.95 * operations.all as f64,
        "{operations:?}"
    );
}

/// A node that is only cut off is replaced too, and must not disturb or mislead anyone when it is back.
#[test]
fn node_that_returns_after_its_replacement_answers_correctly() {
    for_seeds(3, |seed| {
        let options = Options {
            spares: 1,
            replace_after: Some(secs(1)),
            ..Options::default()
        };
        let run = cluster(seed, Strategy::Sharded, options)
            .nemesis(Partition::one().every(secs(6)))
            .run(load().time_limit(secs(24)));
        run.assert_valid();
        assert!(run.net().dropped > 0, "no message was dropped");
    });
}

/// Number of nodes that replicate the log of some shard between two times of a run.
fn holders(run: &Run, from: Duration, to: Duration) -> usize {
    let origin = run.journal().origin();
    let replication = run.journal().events().iter().filter(|event| {
        let at = event.time.saturating_sub(origin);
        let is_sent = event.kind == EventKind::Send && from <= at && at < to;
        is_sent && event.message.body.contains("\"append_entries")
    });
    let holders: BTreeSet<usize> = replication.map(|it| it.message.src.index()).collect();
    holders.len()
}

/// Operations that arrive at a leader that gives up its place wait for an election.
#[test]
fn nodes_that_join_take_shards_while_every_operation_succeeds() {
    for_seeds(3, |seed| {
        let options = Options {
            spares: 3,
            join_interval: secs(4),
            idle: secs(1),
            log_bytes_min: 20_000,
            ..Options::default()
        };
        let run = cluster_of(8, seed, Strategy::Sharded, options)
            .record_all_messages()
            .run(load().time_limit(secs(18)));
        run.assert_valid();
        let operations = Operations::at_live_nodes(&run, &[], Duration::ZERO);
        eprintln!("{operations:?}");
        assert_eq!(operations.ok, operations.all);
        assert!(operations.longest < ms(1500), "{operations:?}");
        assert_eq!(holders(&run, secs(0), secs(4)), 5);
        assert_eq!(holders(&run, secs(15), secs(18)), 8);
    });
}

/// The list of the nodes that have joined outlives the nodes that know it.
#[test]
fn nodes_join_while_others_are_killed() {
    for_seeds(3, |seed| {
        let options = Options {
            spares: 3,
            join_interval: secs(3),
            ..Options::default()
        };
        let run = cluster_of(8, seed, Strategy::Sharded, options)
            .record_all_messages()
            .nemesis(Kill::one().every(secs(2)))
            .run(load().time_limit(secs(20)).fault_free_tail(secs(5)));
        run.assert_valid();
        assert!(run.kills() > 0, "no node was killed");
        assert_eq!(holders(&run, secs(16), secs(20)), 8);
    });
}
