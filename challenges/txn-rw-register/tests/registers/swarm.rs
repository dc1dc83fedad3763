//! Clusters, loads and faults drawn at random from a seed.

use eddy::simulation::{Configuration, Run, Swarm, ms};
use eddy::workload;
use glomers::prelude::*;
use txn_rw_register::Registers;

use crate::load::{assert_nothing_partial, transactions};

fn swarm() -> Swarm {
    Swarm::of(workload::TxnRwRegister)
        .rate(50.0..=150.0)
        .latency_up_to(ms(200))
}

fn run(drawn: &Configuration) -> Run {
    let round = ms(drawn.rng().random_range(1..500));
    drawn
        .simulation()
        .nodes(drawn.nodes, move |cx: &Context| Registers::new(cx, round))
        .note(format_args!("rounds of {round:?}"))
        .run(drawn.load_like(transactions("monotonic-atomic-view")))
}

#[test]
fn random_faults_show_no_partial_transaction() {
    swarm().for_each(10, |drawn| {
        assert_nothing_partial(&run(drawn));
    });
}

#[test]
fn same_seed_gives_same_messages() {
    swarm().assert_repeatable(2, run);
}
