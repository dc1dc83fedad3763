//! Challenges 6a to 6c with their official options and the targets of this project.

use eddy::nemesis::{Fault, Partition};
use eddy::seed::Seed;
use eddy::simulation::{Run, Simulation, for_seeds, secs};

use crate::checks::overtaken;
use crate::load::{TOLERANCE, analysis, assert_model, assert_read_atomic, node, transactions};

/// Runs the official load: two clients per node, and a thousand transactions a second.
fn official(seed: Seed, nodes: usize, partition: bool, model: &str) -> Run {
    let mut simulation = Simulation::new(seed).nodes(nodes, node);
    if partition {
        // No other kind of partition separates two nodes.
        simulation = simulation.nemesis(Partition::halves().every(secs(5)));
    }
    let load = transactions(model).rate(1000.0).concurrency(2 * nodes);
    let run = simulation.run(load.time_limit(secs(20)));
    assert_eq!(run.ok_fraction(), 1.0);
    assert!(run.history().len() > 30_000, "too few transactions");
    run
}

/// Challenge 6a asks for read uncommitted. A single node executes one transaction after the other,
/// which is strictly serializable.
#[test]
fn single_node_is_strictly_serializable() {
    for_seeds(3, |seed| {
        let run = official(seed, 1, false, "strict-serializable");
        assert_read_atomic(&run);
        assert_eq!(run.messages_per_op(), 0.0);
    });
}

/// Challenge 6b, first part.
#[test]
fn two_nodes_converge_within_the_message_target() {
    for_seeds(3, |seed| {
        let run = official(seed, 2, false, "read-uncommitted");
        let (transactions, state) = assert_read_atomic(&run);
        assert_eq!(overtaken(&transactions, &state, TOLERANCE), [""; 0]);
        assert!(run.messages_per_op() > 0.0);
        assert!(run.messages_per_op() <= 0.05, "{}", run.messages_per_op());
    });
}

/// Challenges 6b, second part, and 6c, and the level above.
#[test]
fn partition_affects_neither_availability_nor_atomicity() {
    for model in [
        "read-uncommitted",
        "read-committed",
        "monotonic-atomic-view",
    ] {
        for_seeds(3, |seed| {
            let run = official(seed, 2, true, model);
            let (transactions, state) = assert_read_atomic(&run);
            assert!(run.net().dropped > 0, "the partition never cut anything");
            assert!(run.messages_per_op() <= 0.1, "{}", run.messages_per_op());
            // Clients stay with their node here, so sessions are ordered as well.
            assert_model(&run, "strong-session-read-committed");
            assert_eq!(overtaken(&transactions, &state, TOLERANCE), [""; 0]);
        });
    }
}

/// No system that is available under a partition forbids these anomalies. The test also shows that
/// the checker would have found them.
#[test]
fn lost_updates_and_write_skew_are_possible() {
    for_seeds(3, |seed| {
        let run = official(seed, 2, true, "monotonic-atomic-view");
        let types = analysis(&run, "serializable").anomaly_types();
        assert!(types.contains(&"lost-update"), "{types:?}");
        assert!(types.contains(&"G2-item"), "{types:?}");
    });
}
