//! Kafka-style logs, as they must behave.

use eddy::check::Workload;
use eddy::simulation::{Load, Simulation, for_each_seed, ms, secs};
use glomers::Context;
use kafka::{Kafka, Settings};

fn broker(cx: &Context) -> Kafka {
    Kafka::new(cx, Settings::default())
}

#[test]
fn scratch() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed).nodes(2, broker).run(
            Load::of(Workload::Kafka)
                .rate(1000.0)
                .concurrency(4)
                .lasting(secs(20)),
        );
        run.assert_valid();
        let n = run.history().clients().count();
        eprintln!(
            "{} ops {} ok {} send {:?}/{:?} poll {:?} {:?} err",
            run.messages_per_op(),
            n / 2,
            run.ok_fraction(),
            run.latency_of("send", 0.5),
            run.latency_of("send", 0.99),
            run.latency_of("poll", 0.99),
            run.latency_of("send", 1.0)
        );
    });
}
