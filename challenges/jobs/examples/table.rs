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

    /// The policies; all by default.
    #[arg(value_enum)]
    policies: Vec<Kind>,
}

/// The worst of several runs.
#[derive(Default)]
struct Worst {
    p99: f64,
    /// Of the ideal scheduler, and of the best central one that interrupts no job.
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
        worst.p99 = worst
            .p99
            .max(analysis.slowdown(0.99).unwrap_or(f64::INFINITY));
        let ratio = analysis.ratio_to_ideal().unwrap_or(f64::INFINITY);
        worst.ratio = worst.ratio.max(ratio);
        let ratio = analysis.ratio_to_central().unwrap_or(f64::INFINITY);
        worst.ratio_to_central = worst.ratio_to_central.max(ratio);
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
    for scenario in SCENARIOS {
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
