//! The policy `best` under faults that a seed draws.

use eddy::simulation::{Configuration, Run, Swarm, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use jobs::Jobs;
use jobs::policy::Kind;

fn swarm() -> Swarm {
    Swarm::of(workload::Jobs)
        .nodes(1..=7)
        .clients_per_node(5..=40)
        .latency_up_to(ms(20))
        .time_limit(secs(12), secs(4))
}

fn run(drawn: &Configuration) -> Run {
    let mut rng = drawn.rng();
    let share = rng.random_range(0.1..0.8);
    let skew = rng.random_range(0.0..=1.0);
    let load = drawn.load().option("load", share).option("skew", skew);
    drawn
        .simulation()
        .nodes(drawn.nodes, |cx: &Context| Jobs::new(cx, Kind::Best))
        .note(format_args!("load {share:.2}, skew {skew:.2}"))
        .run(load)
}

#[test]
fn random_faults_lose_no_job_and_repeat_none_that_they_did_not_hit() {
    swarm().for_each(10, |drawn| run(drawn).assert_safe());
}

#[test]
fn equal_seeds_give_equal_runs() {
    swarm().assert_repeatable(2, run);
}
