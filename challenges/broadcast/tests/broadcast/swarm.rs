//! Nothing in the solution knows the network: worlds that a seed has drawn.

use broadcast::{Broadcast, Windows};
use eddy::check::Workload;
use eddy::simulation::{Configuration, Hazard, Swarm, ms, secs};
use glomers::prelude::*;

fn windows(drawn: &Configuration) -> Windows {
    let mut dice = drawn.dice();
    match dice.random_range(0..4) {
        0 => Windows::frugal(),
        1 => Windows::balanced(),
        2 => Windows::swift(),
        _ => Windows::every(ms(dice.random_range(1..1000))),
    }
}

/// But for deaths: a node takes along what it has told nobody yet.
#[test]
fn no_mixture_of_faults_loses_a_value() {
    let swarm = Swarm::of(Workload::Broadcast)
        .nodes(2..=12)
        .latency_up_to(ms(200))
        .lasting(secs(15), secs(0))
        .without(&[Hazard::Kill]);
    swarm.for_each(20, |drawn| {
        let windows = windows(drawn);
        let run = drawn
            .simulation()
            .nodes(drawn.nodes, move |cx: &Context| Broadcast::new(cx, windows))
            .noting(format_args!("{windows:?}"))
            .run(drawn.load());
        run.assert_valid();
    });
}
