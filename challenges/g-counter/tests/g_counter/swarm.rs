//! The grow-only counter with clusters, loads and faults drawn at random from a seed.

use eddy::simulation::{Configuration, FaultKind, Run, Swarm};
use eddy::workload;
use g_counter::{Ack, GCounter};
use glomers::Context;

/// Draws no faults of links, since the nodes do not communicate.
fn swarm() -> Swarm {
    Swarm::of(workload::GCounter).without(&FaultKind::OF_LINKS)
}

fn run(drawn: &Configuration) -> Run {
    let counter = |_: &Context| GCounter::new(Ack::SeqKv, Ack::SeqKv.period());
    let simulation = drawn.simulation().nodes(drawn.nodes, counter);
    simulation.run(drawn.load())
}

/// In some runs no add is acknowledged, so only safety is checked.
#[test]
fn random_faults_do_not_change_the_sum() {
    swarm().for_each(10, |drawn| run(drawn).assert_safe());
}

#[test]
fn same_seed_gives_same_messages() {
    swarm().assert_repeatable(2, run);
}
