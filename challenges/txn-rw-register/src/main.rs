//! `txn-rw-register`, the binary.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use txn_rw_register::{ROUND, Registers};

/// Challenges 6a to 6c: transactions over registers that are always available.
#[derive(Parser)]
struct Options {
    /// How long the write sets of transactions may wait for others to travel with, in milliseconds.
    #[arg(long, default_value_t = ROUND.as_millis() as u64, value_parser = clap::value_parser!(u64).range(1..))]
    round_ms: u64,
}

fn main() -> ExitCode {
    let round = Duration::from_millis(Options::parse().round_ms);
    glomers::run(move |cx| Registers::new(cx, round))
}
