//! The figures of the README: `cargo test -p kafka figures -- --ignored --nocapture`.

use eddy::simulation::{for_seeds, ms, secs};
use kafka::Settings;

use super::{analysis, cluster_with, load};

/// Means over the seeds, of the official 20 seconds.
fn row(nodes: usize, replicas: usize, budget_ms: u64) {
    let sum = std::sync::Mutex::new([0.0; 7]);
    for_seeds(3, |seed| {
        let settings = Settings {
            replicas,
            budget: ms(budget_ms),
        };
        let run = cluster_with(settings, seed, nodes).run(load(nodes, 1000.0));
        run.assert_valid();
        let operations = run.history().clients().count() / 2;
        let quantile = |quantile| run.latency_of("send", quantile).as_secs_f64() * 1e3;
        let figures = [
            run.messages_per_op(),
            operations as f64 / secs(20).as_secs_f64(),
            quantile(0.5),
            quantile(0.99),
            run.latency_of("poll", 0.99).as_secs_f64() * 1e3,
            analysis(&run).worst_realtime_lag().as_secs_f64() * 1e3,
            1.0,
        ];
        let mut sum = sum.lock().expect("nobody panics here");
        sum.iter_mut()
            .zip(figures)
            .for_each(|(sum, figure)| *sum += figure);
    });
    let sum = sum.into_inner().expect("nobody panics here");
    let runs = sum[6];
    let [per_op, rate, p50, p99, poll, lag, _] = sum.map(|sum| sum / runs);
    eprintln!(
        "| {nodes} | {replicas} | {budget_ms} ms | {per_op:.2} | {rate:.0} | {p50:.1} | {p99:.1} | {poll:.1} | {lag:.0} |"
    );
}

#[test]
#[ignore = "prints tables, and checks nothing that other tests do not"]
fn figures() {
    eprintln!("| nodes | replicas | budget | msgs/op | op/s | send p50 | p99 | poll p99 | lag |");
    for budget_ms in [0, 2, 3, 4, 5, 6, 7, 8, 10] {
        row(2, 2, budget_ms);
    }
    for (nodes, replicas) in [
        (1, 1),
        (2, 1),
        (3, 1),
        (3, 2),
        (3, 3),
        (5, 1),
        (5, 2),
        (5, 3),
        (5, 5),
    ] {
        row(nodes, replicas, 5);
    }
}
