//! The grow-only counter in worlds that a seed has drawn.

use eddy::check::Workload;
use eddy::simulation::Swarm;
use g_counter::{Ack, GCounter};
use glomers::Context;

#[test]
fn no_mixture_of_faults_changes_the_sum() {
    Swarm::of(Workload::GCounter).for_each(10, |drawn| {
        let counter = |_: &Context| GCounter::new(Ack::SeqKv, Ack::SeqKv.period());
        let run = drawn
            .simulation()
            .nodes(drawn.nodes, counter)
            .run(drawn.load());
        run.assert_nothing_wrong_seen();
    });
}
