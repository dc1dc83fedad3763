//! The grow-only counter in worlds that a seed has drawn.

use eddy::simulation::{Configuration, FaultKind, Run, Swarm};
use eddy::workload;
use g_counter::{Ack, GCounter};
use glomers::Context;

/// Nodes say nothing to each other: links are nothing to them.
fn swarm() -> Swarm {
    Swarm::of(workload::GCounter).without(&FaultKind::OF_LINKS)
}

fn run(drawn: &Configuration) -> Run {
    let counter = |_: &Context| GCounter::new(Ack::SeqKv, Ack::SeqKv.period());
    let simulation = drawn.simulation().nodes(drawn.nodes, counter);
    simulation.run(drawn.load())
}

/// A run may be too rough for any add to be acknowledged.
#[test]
fn no_mixture_of_faults_changes_the_sum() {
    swarm().for_each(10, |drawn| run(drawn).assert_safe());
}

#[test]
fn the_same_seed_gives_the_same_run_message_for_message() {
    swarm().assert_repeatable(2, run);
}
