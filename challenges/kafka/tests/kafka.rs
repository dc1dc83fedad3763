//! scratch
use eddy::check::Workload;
use eddy::simulation::{Load, Simulation, for_seeds, ms, secs};
use glomers::Context;
use kafka::{Kafka, Settings};
#[test]
fn table() {
    for (n, r, b) in [
        (2, 2, 5),
        (2, 2, 6),
        (2, 2, 7),
        (2, 1, 6),
        (3, 3, 6),
        (5, 3, 6),
    ] {
        for_seeds(2, |seed| {
            let run = Simulation::new(seed)
                .nodes(n, move |cx: &Context| {
                    Kafka::new(
                        cx,
                        Settings {
                            replicas: r,
                            budget: ms(b),
                        },
                    )
                })
                .run(
                    Load::of(Workload::Kafka)
                        .rate(1000.)
                        .concurrency(2 * n)
                        .lasting(secs(20)),
                );
            run.assert_valid();
            let ops = run.history().clients().count() / 2;
            eprintln!(
                "n {n} r {r} b {b}: {:.3} msgs/op {} op/s send {:?} {:?} {:?}",
                run.messages_per_op(),
                ops / 20,
                run.latency_of("send", 0.5),
                run.latency_of("send", 0.99),
                run.latency_of("send", 1.0)
            );
        });
    }
}
