//! The `pn-counter` binary.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use dissemination::Windows;
use pn_counter::{PnCounter, ROUND};

/// A counter that goes up and down without coordination.
#[derive(Parser)]
struct Args {
    /// Milliseconds between two rounds; longer intervals cost fewer messages and deliver later.
    #[arg(long, value_name = "MS", default_value_t = ROUND.as_millis() as u64)]
    round: u64,
}

fn main() -> ExitCode {
    let windows = Windows::every(Duration::from_millis(Args::parse().round));
    glomers::run(move |cx| PnCounter::new(cx, windows))
}
