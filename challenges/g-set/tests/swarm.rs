//! The grow-only set in worlds that a seed has drawn.

use dissemination::Windows;
use eddy::simulation::{Configuration, FaultKind, Run, Swarm, ms, secs};
use eddy::workload;
use g_set::GSet;
use glomers::prelude::*;

/// But for deaths: a node takes along what it has told nobody yet.
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
fn no_mixture_of_faults_loses_an_element() {
    swarm().for_each(10, |drawn| run(drawn).assert_valid());
}

#[test]
fn the_same_seed_gives_the_same_run_message_for_message() {
    swarm().assert_repeatable(2, run);
}
