//! The counter that goes up and down in worlds that a seed has drawn.

use dissemination::Windows;
use eddy::simulation::{Configuration, FaultKind, Run, Swarm, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use pn_counter::PnCounter;

/// But for deaths: a node takes along what it has told nobody yet.
fn swarm() -> Swarm {
    Swarm::of(workload::PnCounter)
        .nodes(1..=9)
        .latency_up_to(ms(300))
        .time_limit(secs(20), secs(5))
        .without(&[FaultKind::Kill])
}

fn run(drawn: &Configuration) -> Run {
    let windows = Windows::every(ms(drawn.rng().random_range(1..1000)));
    drawn
        .simulation()
        .nodes(drawn.nodes, move |cx: &Context| PnCounter::new(cx, windows))
        .note(format_args!("{windows:?}"))
        .run(drawn.load())
}

#[test]
fn no_mixture_of_faults_changes_the_sum() {
    swarm().for_each(10, |drawn| run(drawn).assert_valid());
}

#[test]
fn the_same_seed_gives_the_same_run_message_for_message() {
    swarm().assert_repeatable(2, run);
}
