//! Prints the simulated figures of the README: the cost of budgets and of replicas.
#![allow(clippy::print_stdout, reason = "an example prints its results")]

use std::time::Duration;

use eddy::check::log::LogAnalysis;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::Context;
use kafka::Settings;

/// Number of seeds over which the means are taken.
const SEEDS: u64 = 5;

/// Duration of a run, as in the challenges.
const TIME_LIMIT: Duration = secs(20);

/// Runs the challenges' rate with two clients for each node.
fn run(nodes: usize, settings: Settings, seed: u64) -> Run {
    let load = Load::of(workload::Kafka).rate(1000.0);
    let run = Simulation::new(Seed(seed))
        .nodes(nodes, move |cx: &Context| kafka::Kafka::new(cx, settings))
        .run(load.concurrency(2 * nodes).time_limit(TIME_LIMIT));
    run.assert_valid();
    run
}

fn worst_lag(run: &Run) -> Duration {
    let analysis = run.results().workload_as::<LogAnalysis>();
    analysis
        .expect("the workload is kafka")
        .worst_realtime_lag()
}

/// Prints the means over all seeds.
fn row(nodes: usize, replicas: usize, budget: Duration) {
    let settings = Settings { replicas, budget };
    let runs: Vec<Run> = (0..SEEDS).map(|seed| run(nodes, settings, seed)).collect();
    let mean = |figure: &dyn Fn(&Run) -> f64| runs.iter().map(figure).sum::<f64>() / SEEDS as f64;
    let mean_ms =
        |latency: &dyn Fn(&Run) -> Duration| mean(&|run| latency(run).as_secs_f64() * 1e3);
    println!(
        "| {nodes} | {replicas} | {} ms | {:.2} | {:.0} | {:.1} ms | {:.1} ms | {:.1} ms | {:.0} ms |",
        budget.as_millis(),
        mean(&Run::messages_per_op),
        mean(&|run| run.operations() as f64 / TIME_LIMIT.as_secs_f64()),
        mean_ms(&|run| run.latency_of("send", 0.5)),
        mean_ms(&|run| run.latency_of("send", 0.99)),
        mean_ms(&|run| run.latency_of("poll", 0.99)),
        mean_ms(&worst_lag),
    );
}

fn main() {
    println!(
        "| nodes | replicas | budget | msgs/op | op/s | send p50 | send p99 | poll p99 | worst lag |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for budget_ms in 3..=7 {
        row(2, 2, ms(budget_ms));
    }
    let budget = Settings::default().budget;
    for (nodes, replicas) in [(1, 1), (2, 2), (2, 1), (3, 3), (3, 1), (5, 3), (5, 1)] {
        row(nodes, replicas, budget);
    }
}
