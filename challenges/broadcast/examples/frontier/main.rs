//! Measures broadcast and the simpler strategies in simulation, and draws the frontier.
//!
//! `make frontier` prints the tables of the README and writes `frontier.svg` beside it.

mod plot;

use std::io::{self, Write, stdout};
use std::path::Path;

use broadcast::batches::Batches;
use broadcast::flood::{Flood, Graph};
use broadcast::{Broadcast, Windows};
use eddy::check::Verdict;
use eddy::check::set_full::SetAnalysis;
use eddy::nemesis::{Fault, Partition};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::{Context, IntoNode};

use plot::{Kind, Point};

/// The number of seeds of each measurement. The tables show the worst figure of all seeds.
const SEEDS: u64 = 5;

/// Published solutions of challenges 3d and 3e: messages per operation and greatest latency in ms.
const PUBLISHED: [(&str, f64, f64); 4] = [
    ("star, a message per value", 12.0, 390.0),
    ("origin to all, repeated by a backup", 14.7, 102.0),
    ("star, 500 ms batches (teivah)", 1.92, 1087.0),
    ("star, 100 and 500 ms (DnMllr)", 1.99, 678.0),
];

fn main() -> io::Result<()> {
    let mut out = stdout();
    let mut points: Vec<Point> = PUBLISHED
        .map(|(name, messages, max_ms)| Point::new(name, Kind::Published, messages, max_ms))
        .into();
    writeln!(
        out,
        "| strategy | msgs/op | median ms | max ms | with partitions |"
    )?;
    writeln!(out, "|---|---|---|---|---|")?;
    let mut step = |name: &'static str, kind: Kind, figures: Figures, partitioned: Figures| {
        points.push(Point::new(name, kind, figures.messages, figures.max_ms));
        writeln!(
            out,
            "| {name} | {:.2} | {:.0} | {:.0} | {} |",
            figures.messages,
            figures.median_ms,
            figures.max_ms,
            partitioned.verdict_and_cost()
        )
    };
    let flood = |graph, retries| move |cx: &Context| Flood::new(cx, graph, retries);
    let steps = [
        ("flood", Graph::Topology, false),
        ("retry", Graph::Topology, true),
        ("tree", Graph::Tree, true),
        ("star", Graph::Star, true),
    ];
    for (name, graph, retries) in steps {
        let (fault_free, partitioned) = both(flood(graph, retries));
        step(name, Kind::Step, fault_free, partitioned)?;
    }
    let (fault_free, partitioned) = both(|_: &Context| Batches::new(ms(200)));
    step("batches", Kind::Step, fault_free, partitioned)?;
    let profiles = [
        ("frugal", Windows::frugal()),
        ("balanced", Windows::balanced()),
        ("swift", Windows::swift()),
    ];
    for (name, windows) in profiles {
        let (fault_free, partitioned) = both(move |cx: &Context| Broadcast::new(cx, windows));
        step(name, Kind::Rounds, fault_free, partitioned)?;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("frontier.svg");
    std::fs::write(path, plot::svg(&points))?;

    writeln!(out, "\n| nodes | latency | msgs/op | median ms | max ms |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    let constant = |mean_ms| Latency::constant(ms(mean_ms));
    let exponential = Latency::exponential(ms(100));
    let networks = [0, 10, 100, 1000].map(constant).into_iter();
    let networks = networks.chain([exponential]).map(|latency| (25, latency));
    let sizes = [3, 5, 100].map(|count| (count, constant(100)));
    for (count, latency) in networks.chain(sizes) {
        let balanced = |cx: &Context| Broadcast::new(cx, Windows::balanced());
        let figures = measure(balanced, count, latency, false);
        writeln!(
            out,
            "| {count} | {latency} | {:.2} | {:.0} | {:.0} |",
            figures.messages, figures.median_ms, figures.max_ms
        )?;
    }
    Ok(())
}

/// The worst figures of several runs.
#[derive(Default)]
struct Figures {
    messages: f64,
    median_ms: f64,
    max_ms: f64,
    /// The number of values that no later read showed, over all runs.
    lost: usize,
}

impl Figures {
    fn take(&mut self, run: &Run) {
        let latency_ms = |quantile| run.stable_latency(quantile).as_secs_f64() * 1e3;
        self.messages = self.messages.max(run.messages_per_op());
        self.median_ms = self.median_ms.max(latency_ms(0.5));
        self.max_ms = self.max_ms.max(latency_ms(1.0));
        let set = run.results().workload_as::<SetAnalysis>();
        self.lost += set.expect("broadcast is a set").lost.len();
    }

    fn verdict_and_cost(&self) -> String {
        match self.lost {
            0 => format!("{:.2} msgs/op", self.messages),
            lost => format!("loses {} values a run", lost as u64 / SEEDS),
        }
    }
}

/// Measures the load of challenges 3d and 3e without faults and with partitions.
fn both<M: IntoNode + 'static>(
    make: impl Fn(&Context) -> M + Clone + 'static,
) -> (Figures, Figures) {
    let latency = Latency::constant(ms(100));
    let fault_free = measure(make.clone(), 25, latency, false);
    (fault_free, measure(make, 25, latency, true))
}

fn measure<M: IntoNode + 'static>(
    make: impl Fn(&Context) -> M + Clone + 'static,
    count: usize,
    latency: Latency,
    partitions: bool,
) -> Figures {
    let mut figures = Figures::default();
    for seed in 0..SEEDS {
        let mut simulation = Simulation::new(Seed(seed))
            .nodes(count, make.clone())
            .latency(latency);
        if partitions {
            simulation = simulation.nemesis(Partition::any().every(secs(5)));
        }
        let run = simulation.run(
            Load::of(workload::Broadcast)
                .rate(100.0)
                .time_limit(secs(20)),
        );
        assert!(run.failure().is_none(), "{:?}", run.failure());
        assert!(partitions || run.verdict() == Verdict::Valid);
        figures.take(&run);
    }
    figures
}
