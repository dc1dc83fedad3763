//! The grow-only counter in worlds that a seed has drawn.

use eddy::check::{Verdict, Workload};
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
        assert!(run.failure().is_none(), "{:?}", run.failure());
        // Of the counter alone: a run may be too rough for any add to be acknowledged.
        let analysis = run.results().workload().as_dyn();
        assert_eq!(
            analysis.verdict(),
            Verdict::Valid,
            "{}",
            analysis.explanation().unwrap_or_default()
        );
    });
}
