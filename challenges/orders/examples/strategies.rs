//! Measures the strategies side by side, in simulation: `make orders`. An argument selects the scenarios
//! whose names contain it.

#[path = "../tests/orders/cluster.rs"]
mod cluster;

use std::collections::BTreeMap;
use std::io::{self, Write, stdout};
use std::time::Duration;

use eddy::check::Analysis;
use eddy::nemesis::{Fault, Kill, Partition, Schedule, Target};
use eddy::simulation::{Run, ms, secs};
use eddy::workload::OrdersAnalysis;
use orders::Options;

use cluster::{Strategy, cluster_of, load};

/// Number of runs for each line.
const SEEDS: u64 = 20;

const STRATEGIES: [(&str, Strategy); 3] = [
    ("bully", Strategy::Bully),
    ("ring", Strategy::Ring),
    ("sharded", Strategy::Sharded),
];

/// Duration of the main phase.
const DURATION: Duration = secs(20);

/// A scenario.
struct Scenario {
    name: &'static str,
    nodes: usize,
    /// Number of nodes, the last ones, that hold no shards at first. Only `sharded` has them, for the
    /// others all nodes are the same.
    spares: usize,
    faults: fn() -> Vec<Schedule>,
}

const SCENARIOS: [Scenario; 5] = [
    Scenario::of_five("quiet", Vec::new),
    Scenario::of_five("partitions", || vec![Partition::halves().every(secs(3))]),
    Scenario::of_five("one node dead", || {
        vec![Kill::one().between(secs(3), secs(17))]
    }),
    Scenario::of_five("kills and restarts", || vec![Kill::one().every(secs(2))]),
    Scenario {
        name: "two of seven nodes dead for good",
        nodes: 7,
        spares: 2,
        faults: || {
            // Dead nodes restart for the final phase, which asks all nodes.
            let dead = |node, at| Kill::of(Target::Node(node)).between(at, DURATION);
            vec![dead(0, secs(3)), dead(1, secs(10))]
        },
    },
];

impl Scenario {
    const fn of_five(name: &'static str, faults: fn() -> Vec<Schedule>) -> Self {
        Self {
            name,
            nodes: 5,
            spares: 0,
            faults,
        }
    }

    fn run(&self, seed: u64, strategy: Strategy) -> Run {
        let options = Options {
            spares: self.spares,
            replace_after: (self.spares > 0).then_some(secs(2)),
            ..Options::default()
        };
        let mut simulation = cluster_of(self.nodes, seed, strategy, options);
        for fault in (self.faults)() {
            simulation = simulation.nemesis(fault);
        }
        let load = load().rate(200.0).concurrency(50).time_limit(DURATION);
        simulation.run(match self.spares {
            0 => load,
            _ => load.fault_free_tail(secs(0)),
        })
    }
}

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
    let selected = std::env::args().nth(1).unwrap_or_default();
    for scenario in SCENARIOS.iter().filter(|it| it.name.contains(&selected)) {
        for (name, strategy) in STRATEGIES {
            let mut figures = Figures::default();
            for seed in 0..SEEDS {
                figures.add(&scenario.run(seed, strategy));
            }
            let [median, p99] = [0.5, 0.99].map(|quantile| figures.latency_ms(quantile));
            let rate = figures.orders as f64 / SEEDS as f64 / DURATION.as_secs_f64();
            writeln!(
                out,
                "| {} | `{name}` | {rate:.0} | {median} | {p99} | {:.3} | {} |",
                scenario.name,
                figures.ok_fraction,
                figures.anomalies(),
            )?;
        }
    }
    Ok(())
}
