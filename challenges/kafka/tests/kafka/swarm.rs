//! Clusters, loads and faults drawn at random from a seed.

use eddy::nemesis::{Fault, Kill};
use eddy::simulation::{Configuration, FaultKind, Run, Swarm, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use kafka::{Kafka, Settings};

/// Draws no kills: [`run`] adds one, since two replicas promise to survive one at a time.
fn swarm() -> Swarm {
    Swarm::of(workload::Kafka)
        .nodes(2..=5)
        .clients_per_node(2..=3)
        .rate(50.0..=300.0)
        .latency_up_to(ms(20))
        .time_limit(secs(20), secs(6))
        .without(&[FaultKind::Kill])
}

fn run(drawn: &Configuration) -> Run {
    let settings = Settings::default();
    let at = ms(drawn.rng().random_range(0..12_000));
    drawn
        .simulation()
        .nodes(drawn.nodes, move |cx: &Context| Kafka::new(cx, settings))
        .nemesis(Kill::one().between(at, at + secs(1)))
        .run(drawn.load())
}

#[test]
fn random_faults_lose_and_repeat_no_message() {
    swarm().for_each(10, |drawn| {
        let run = run(drawn);
        run.assert_valid();
        assert_eq!(run.kills(), 1);
    });
}

#[test]
fn same_seed_gives_same_messages() {
    swarm().assert_repeatable(2, run);
}
