//! `leader-election`, the binary.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use leader_election::{Clock, LeaderElection, Timing};
use raft::FileDisk;

/// A node that takes part in leader elections.
#[derive(Parser)]
struct Arguments {
    /// How a leader is chosen.
    #[arg(long, value_enum, default_value_t = Strategy::Lease)]
    strategy: Strategy,

    /// Directory for the terms and votes of all nodes, used by the lease strategy. By default
    /// $EDDY_DATA_DIR, or a temporary directory of the process that starts the nodes.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Length of a lease. The other times of the lease strategy follow from it.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(10..))]
    lease: u64,

    /// Rates of the monotonic clocks of n0, n1, and so on, between 0.1 and 10, to show what happens
    /// when rates differ by more than 1 %. Nodes without one have a rate of 1.
    #[arg(long, value_name = "RATE,…", value_delimiter = ',', value_parser = clock_rate)]
    clock_rates: Vec<f64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Strategy {
    /// The highest id wins.
    Bully,
    /// The first live node of the list leads.
    FirstLive,
    /// A majority elects a leader for a bounded time.
    Lease,
}

fn clock_rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match (0.1..=10.0).contains(&rate) {
        true => Ok(rate),
        false => Err("not between 0.1 and 10".to_owned()),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.strategy {
        Strategy::Bully => glomers::run(LeaderElection::bully),
        Strategy::FirstLive => glomers::run(LeaderElection::first_live),
        Strategy::Lease => glomers::run(move |cx| {
            let data_dir = raft::data_dir(arguments.data_dir)?;
            let disk = FileDisk::open(&data_dir, cx.id())?;
            let timing = Timing::of_lease(Duration::from_millis(arguments.lease));
            let position = cx.nodes().iter().position(|node| **node == *cx.id());
            let rate = position.and_then(|position| arguments.clock_rates.get(position));
            let clock = Clock::at_rate(rate.copied().unwrap_or(1.0));
            LeaderElection::lease(cx, disk, timing, clock)
        }),
    }
}
