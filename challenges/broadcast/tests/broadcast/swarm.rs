//! Nothing in the solution knows the network: worlds that a seed has drawn.

use broadcast::{Broadcast, Windows};
use eddy::simulation::{Configuration, FaultKind, Run, Swarm, ms, secs};
use eddy::workload;
use glomers::prelude::*;

/// But for deaths: a node takes along what it has told nobody yet.
fn swarm() -> Swarm {
    Swarm::of(workload::Broadcast)
        .nodes(2..=12)
        .latency_up_to(ms(200))
        .time_limit(secs(15), secs(0))
        .without(&[FaultKind::Kill])
}

fn run(drawn: &Configuration) -> Run {
    let mut dice = drawn.rng();
    let windows = match dice.random_range(0..4) {
        0 => Windows::frugal(),
        1 => Windows::balanced(),
        2 => Windows::swift(),
        _ => Windows::every(ms(dice.random_range(1..1000))),
    };
    drawn
        .simulation()
        .nodes(drawn.nodes, move |cx: &Context| Broadcast::new(cx, windows))
        .note(format_args!("{windows:?}"))
        .run(drawn.load())
}

#[test]
fn no_mixture_of_faults_loses_a_value() {
    swarm().for_each(20, |drawn| run(drawn).assert_valid());
}

#[test]
fn the_same_seed_gives_the_same_run_message_for_message() {
    swarm().assert_repeatable(2, run);
}
