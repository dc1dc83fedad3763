//! Measures the strategies side by side, in simulation: `make orders`.

#[path = "../tests/orders/cluster.rs"]
mod cluster;

use std::collections::BTreeMap;
use std::io::{self, Write, stdout};
use std::time::Duration;

use eddy::check::Analysis;
use eddy::nemesis::{Fault, Kill, Partition, Schedule};
use eddy::simulation::{Run, ms, secs};
use eddy::workload::OrdersAnalysis;
use orders::Options;

use cluster::{Strategy, cluster, load};

/// Number of runs for each line.
const SEEDS: u64 = 20;

const STRATEGIES: [(&str, Strategy); 3] = [
    ("bully", Strategy::Bully),
    ("ring", Strategy::Ring),
    ("sharded", Strategy::Sharded),
];

/// A scenario: its name, and its fault.
type Scenario = (&'static str, fn() -> Option<Schedule>);

const SCENARIOS: [Scenario; 4] = [
    ("quiet", || None),
    ("partitions", || Some(Partition::halves().every(secs(3)))),
    ("one node dead", || {
        Some(Kill::one().between(secs(3), secs(17)))
    }),
    ("kills and restarts", || Some(Kill::one().every(secs(2)))),
];

/// The figures of one line.
#[derive(Default)]
struct Figures {
    orders: usize,
    ok_fraction: f64,
    latencies: Vec<Duration>,
    /// Number of runs with each kind of anomaly.
    anomalies: BTreeMap<String, u64>,
}

impl Figures {
    fn add(&mut self, run: &Run) {
        assert!(run.failure().is_none(), "{:?}", run.failure());
        self.ok_fraction += run.ok_fraction() / SEEDS as f64;
        for (invocation, completion) in run.history().pairs() {
            if invocation.f == "order"
                && let Some(done) = completion.filter(|it| it.kind == eddy::history::Kind::Ok)
            {
                self.orders += 1;
                self.latencies.push(done.time - invocation.time);
            }
        }
        let analysis: Option<&OrdersAnalysis> = run.results().workload_as();
        for finding in analysis.expect("the workload is orders").findings() {
            *self.anomalies.entry(finding.anomaly).or_default() += 1;
        }
    }

    fn latency_ms(&mut self, quantile: f64) -> u128 {
        self.latencies.sort_unstable();
        let last = self.latencies.len().saturating_sub(1);
        let rank = (last as f64 * quantile).round() as usize;
        self.latencies
            .get(rank)
            .copied()
            .unwrap_or(ms(0))
            .as_millis()
    }

    fn anomalies(&self) -> String {
        let kind = |(kind, runs): (&String, &u64)| format!("{kind} {runs}");
        match self.anomalies.is_empty() {
            true => "–".to_owned(),
            false => Vec::from_iter(self.anomalies.iter().map(kind)).join(", "),
        }
    }
}

fn main() -> io::Result<()> {
    let mut out = stdout();
    writeln!(
        out,
        "| | strategy | orders a second | median ms | 99 % ms | ok | anomalies, and in how many of {SEEDS} runs |\n\
         |---|---|---|---|---|---|---|"
    )?;
    let duration = secs(20);
    for (scenario, fault) in SCENARIOS {
        for (name, strategy) in STRATEGIES {
            let mut figures = Figures::default();
            for seed in 0..SEEDS {
                let simulation = cluster(seed, strategy, Options::default());
                let simulation = match fault() {
                    Some(fault) => simulation.nemesis(fault),
                    None => simulation,
                };
                let load = load().rate(200.0).concurrency(50).time_limit(duration);
                figures.add(&simulation.run(load));
            }
            let [median, p99] = [0.5, 0.99].map(|quantile| figures.latency_ms(quantile));
            let rate = figures.orders as f64 / SEEDS as f64 / duration.as_secs_f64();
            writeln!(
                out,
                "| {scenario} | `{name}` | {rate:.0} | {median} | {p99} | {:.3} | {} |",
                figures.ok_fraction,
                figures.anomalies(),
            )?;
        }
    }
    Ok(())
}
