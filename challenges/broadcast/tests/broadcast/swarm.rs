//! Clusters, networks and faults drawn from a seed.

use broadcast::{Broadcast, Windows};
use eddy::simulation::{Configuration, FaultKind, Run, Swarm, ms, secs};
use eddy::workload;
use glomers::prelude::*;

/// Draws all faults but crashes, which lose the values that only the crashed node held.
fn swarm() -> Swarm {
    Swarm::of(workload::Broadcast)
        .nodes(2..=12)
        .latency_up_to(ms(200))
        .time_limit(secs(15), secs(0))
        .without(&[FaultKind::Kill])
}

fn run(drawn: &Configuration) -> Run {
    let mut rng = drawn.rng();
    let windows = match rng.random_range(0..4) {
        0 => Windows::frugal(),
        1 => Windows::balanced(),
        2 => Windows::swift(),
        _ => Windows::every(ms(rng.random_range(1..1000))),
    };
    drawn
        .simulation()
        .nodes(drawn.nodes, move |cx: &Context| Broadcast::new(cx, windows))
        .note(format_args!("{windows:?}"))
        .run(drawn.load())
}

#[test]
fn random_faults_lose_no_value() {
    swarm().for_each(10, |drawn| run(drawn).assert_valid());
}

#[test]
fn same_seed_gives_same_messages() {
    swarm().assert_repeatable(2, run);
}
