//! The grow-only set in clusters, networks and faults drawn from a seed.

use dissemination::Windows;
use eddy::simulation::{Configuration, FaultKind, Run, Swarm, ms, secs};
use eddy::workload;
use g_set::GSet;
use glomers::prelude::*;

/// Draws all faults but crashes, which lose the elements that only the crashed node held.
fn swarm() -> Swarm {
    Swarm::of(workload::GSet)
        .nodes(1..=9)
        .latency_up_to(ms(300))
        .time_limit(secs(20), secs(5))
        .without(&[FaultKind::Kill])
}

fn run(drawn: &Configuration) -> Run {
    let windows = Windows::every(ms(drawn.rng().random_range(1..1000)));
    drawn
        .simulation()
        .nodes(drawn.nodes, move |cx: &Context| GSet::new(cx, windows))
        .note(format_args!("{windows:?}"))
        .run(drawn.load())
}

#[test]
fn random_faults_lose_no_element() {
    swarm().for_each(10, |drawn| run(drawn).assert_valid());
}

#[test]
fn same_seed_gives_same_messages() {
    swarm().assert_repeatable(2, run);
}
