//! The specification of @NAME@: simulated scenarios in virtual time, over many seeds.

use @CRATE@::@TYPE@;
use eddy::workload;
use eddy::nemesis::{Fault, Partition};
use eddy::net::Latency;
use eddy::simulation::{Load, Simulation, for_each_seed, ms, secs};

#[test]
fn requests_are_answered_during_partitions() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(3, @TYPE@::new)
            .latency(Latency::exponential(ms(100)))
            .nemesis(Partition::any().every(secs(2)))
            .run(Load::of(workload::Echo).rate(100.0).time_limit(secs(10)));
        run.assert_valid();
        assert_eq!(run.ok_fraction(), 1.0);
        assert_eq!(run.messages_per_op(), 0.0);
    });
}
