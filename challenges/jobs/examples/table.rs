//! Measures the policies side by side, in simulation: `make jobs`.

#[allow(dead_code, reason = "the table has no column for pauses")]
#[path = "../tests/jobs/cluster.rs"]
mod cluster;

use std::io::{self, Write, stdout};

use clap::Parser;
use jobs::policy::Kind;

use cluster::{Scenario, analysis, cluster, load};

const SCENARIOS: [Scenario; 5] = [
    Scenario::Equal,
    Scenario::Unequal,
    Scenario::Slow,
    Scenario::Kill,
    Scenario::Partition,
];

const LOADS: [f64; 3] = [0.3, 0.7, 0.9];

/// Measures the policies side by side.
#[derive(Parser)]
struct Arguments {
    /// Every figure is the worst of the runs from this many seeds.
    #[arg(long, default_value_t = 20)]
    seeds: u64,

    /// The rows of the table, such as `Kill`; all by default.
    #[arg(long = "scenario", value_name = "SCENARIO")]
    scenarios: Vec<String>,

    /// The policies; all by default.
    #[arg(value_enum)]
    policies: Vec<Kind>,
}

/// The worst of several runs.
#[derive(Default)]
struct Worst {
    /// The 99th percentile of the slowdown. Of the answered jobs only, where nodes are down or cut off:
    /// there the jobs whose entry was are most of the slowest under every policy.
    p99: f64,
    /// As multiples of the ideal scheduler's, and of the best central one's that interrupts no job. Both
    /// know no faults.
    ratio: f64,
    ratio_to_central: f64,
    unanswered: f64,
    invalid: usize,
}

fn measure(policy: Kind, scenario: Scenario, share: f64, seeds: u64) -> Worst {
    let mut worst = Worst::default();
    for seed in 0..seeds {
        let run = cluster(seed.into(), policy, scenario).run(load(scenario, share));
        assert!(run.failure().is_none(), "{:?}", run.failure());
        let analysis = analysis(&run);
        let p99 = match scenario {
            Scenario::Kill | Scenario::Partition => analysis.answered_slowdown(0.99),
            _ => analysis.slowdown(0.99),
        };
        let p99 = p99.unwrap_or(f64::INFINITY);
        let ratio = |to: Option<f64>| to.map_or(f64::INFINITY, |to| p99 / to);
        worst.p99 = worst.p99.max(p99);
        worst.ratio = worst.ratio.max(ratio(analysis.ideal_slowdown(0.99)));
        worst.ratio_to_central = worst
            .ratio_to_central
            .max(ratio(analysis.central_slowdown()));
        worst.unanswered = worst.unanswered.max(analysis.unanswered() as f64);
        worst.invalid += usize::from(run.verdict() != eddy::check::Verdict::Valid);
    }
    worst
}

fn main() -> io::Result<()> {
    let mut arguments = Arguments::parse();
    if arguments.policies.is_empty() {
        arguments.policies = Kind::ALL.to_vec();
    }
    let mut out = stdout();
    let loads = LOADS.map(|share| format!(" {:.0} % |", share * 100.0));
    writeln!(
        out,
        "| | policy |{} unanswered | invalid runs |",
        loads.concat()
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    let names = &arguments.scenarios;
    let is_chosen =
        |scenario: &Scenario| names.is_empty() || names.contains(&format!("{scenario:?}"));
    for scenario in SCENARIOS.into_iter().filter(is_chosen) {
        for &policy in &arguments.policies {
            write!(out, "| {scenario:?} | {policy:?} |")?;
            let (mut invalid, mut unanswered) = (0, 0.0_f64);
            for share in LOADS {
                let worst = measure(policy, scenario, share, arguments.seeds);
                write!(
                    out,
                    " {:.2} ({:.2}, {:.2}) |",
                    worst.p99, worst.ratio, worst.ratio_to_central
                )?;
                out.flush()?;
                invalid += worst.invalid;
                unanswered = unanswered.max(worst.unanswered);
            }
            writeln!(out, " {unanswered} | {invalid} |")?;
        }
    }
    Ok(())
}
