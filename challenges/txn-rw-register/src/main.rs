//! `txn-rw-register`, the binary.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use txn_rw_register::{ROUND_INTERVAL, Registers};

/// Challenges 6a to 6c: transactions over registers that are always available.
#[derive(Parser)]
struct Options {
    /// Milliseconds between rounds, in which the write sets of transactions travel together
    #[arg(long, default_value_t = ROUND_INTERVAL.as_millis() as u64, value_parser = clap::value_parser!(u64).range(1..))]
    round_ms: u64,
}

fn main() -> ExitCode {
    let interval = Duration::from_millis(Options::parse().round_ms);
    glomers::run(move |cx| Registers::new(cx, interval))
}
