//! Echo, as it must behave.

use eddy::check::Workload;
use eddy::nemesis::{Fault, Partition};
use eddy::net::Latency;
use eddy::simulation::{Load, Simulation, for_each_seed, ms, secs};
use glomers::Context;

/// Challenge 1, with three nodes: every client hears its own words.
#[test]
fn every_client_hears_its_own_words() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(3, |_: &Context| echo::Echo)
            .latency(Latency::exponential(ms(100)))
            .nemesis(Partition::any().every(secs(2)))
            .run(Load::of(Workload::Echo).rate(100.0).lasting(secs(10)));
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert_eq!(run.messages_per_op(), 0.0);
        let ops = run.history().len();
        eprintln!("{ops} {:?}", run.virtual_time());
    });
}
