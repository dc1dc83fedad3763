//! The grow-only set in worlds that a seed has drawn.

use dissemination::Windows;
use eddy::check::Workload;
use eddy::simulation::{Hazard, Swarm, ms, secs};
use g_set::GSet;
use glomers::prelude::*;

/// But for deaths: a node takes along what it has told nobody yet.
#[test]
fn no_mixture_of_faults_loses_an_element() {
    let swarm = Swarm::of(Workload::GSet)
        .nodes(1..=9)
        .latency_up_to(ms(300))
        .lasting(secs(20), secs(5))
        .without(&[Hazard::Kill]);
    swarm.for_each(10, |drawn| {
        let windows = Windows::every(ms(drawn.dice().random_range(1..1000)));
        let run = drawn
            .simulation()
            .nodes(drawn.nodes, move |cx: &Context| GSet::new(cx, windows))
            .noting(format_args!("{windows:?}"))
            .run(drawn.load());
        run.assert_valid();
    });
}
