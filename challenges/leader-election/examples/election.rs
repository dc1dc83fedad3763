//! Measures the strategies side by side, in simulation: `make election`.

#[path = "../tests/election/cluster.rs"]
mod cluster;

use std::io::{self, Write, stdout};
use std::time::Duration;

use eddy::nemesis::Fault;
use eddy::simulation::{Run, secs};

use cluster::{LeaderFault, OfLeader, Strategy, analysis, cluster, load, messages_per_node_second};

/// Number of seeds. Every figure is the worst of the runs from these seeds, except that the median
/// failover is the median of all failovers of these runs.
const SEEDS: u64 = 20;

/// The faults that hit the leader every 3 s on average, for 3 s on average.
const SCENARIOS: [(&str, Option<LeaderFault>); 4] = [
    ("quiet", None),
    ("leader killed", Some(LeaderFault::Kill)),
    ("leader cut off", Some(LeaderFault::Cut)),
    ("leader paused", Some(LeaderFault::Pause)),
];

const STRATEGIES: [(&str, Strategy); 3] = [
    ("bully", Strategy::Bully),
    ("first-live", Strategy::FirstLive),
    ("lease", Strategy::Lease),
];

/// The figures of one line of the table.
#[derive(Default)]
struct Figures {
    split_brain: Duration,
    leaderless: Duration,
    failovers: Vec<Duration>,
    messages: f64,
}

impl Figures {
    fn add(&mut self, run: &Run, count: usize) {
        assert!(run.failure().is_none(), "{:?}", run.failure());
        let analysis = analysis(run);
        self.split_brain = self.split_brain.max(analysis.split_brain());
        self.leaderless = self.leaderless.max(analysis.leaderless());
        self.failovers.extend(analysis.failovers());
        self.messages = self.messages.max(messages_per_node_second(run, count));
    }

    fn failover(&mut self, quantile: f64) -> String {
        self.failovers.sort_unstable();
        let last = self.failovers.len().saturating_sub(1);
        let rank = (last as f64 * quantile).round() as usize;
        let time = self.failovers.get(rank);
        time.map_or("–".to_owned(), |time| format!("{:.0}", in_ms(*time)))
    }
}

fn in_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn main() -> io::Result<()> {
    let mut out = stdout();
    writeln!(
        out,
        "| nodes | | strategy | split brain ms | leaderless ms | failover ms, median | max | messages per node and second |\n\
         |---|---|---|---|---|---|---|---|"
    )?;
    for count in [3, 5, 9, 25] {
        for (scenario, fault) in SCENARIOS {
            for (name, strategy) in STRATEGIES {
                let mut figures = Figures::default();
                for seed in 0..SEEDS {
                    let (simulation, claim) = cluster(seed.into(), strategy, count);
                    let simulation = match fault {
                        Some(fault) => {
                            simulation.nemesis(OfLeader::new(fault, &claim).every(secs(3)))
                        }
                        None => simulation,
                    };
                    let load = load(count).time_limit(secs(30)).fault_free_tail(secs(3));
                    figures.add(&simulation.run(load), count);
                }
                let [median, max] = [0.5, 1.0].map(|quantile| figures.failover(quantile));
                writeln!(
                    out,
                    "| {count} | {scenario} | `{name}` | {:.0} | {:.0} | {median} | {max} | {:.2} |",
                    in_ms(figures.split_brain),
                    in_ms(figures.leaderless),
                    figures.messages,
                )?;
            }
        }
    }
    Ok(())
}
