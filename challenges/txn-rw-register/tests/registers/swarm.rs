//! Worlds that a seed has drawn.

use eddy::check::Workload;
use eddy::simulation::{Swarm, ms};
use glomers::prelude::*;
use txn_rw_register::Registers;

use crate::load::{assert_read_atomic, transactions};

#[test]
fn no_mixture_of_faults_shows_half_a_transaction() {
    let swarm = Swarm::of(Workload::TxnRwRegister)
        .rate(50.0..=150.0)
        .latency_up_to(ms(200));
    swarm.for_each(10, |drawn| {
        let round = ms(drawn.dice().random_range(1..500));
        let run = drawn
            .simulation()
            .nodes(drawn.nodes, move |cx: &Context| Registers::new(cx, round))
            .noting(format_args!("rounds of {round:?}"))
            .run(drawn.load_like(transactions("monotonic-atomic-view")));
        assert_read_atomic(&run);
    });
}
