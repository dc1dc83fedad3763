//! `g-counter`, the binary.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use g_counter::{Ack, GCounter};

/// Challenge 4: a grow-only counter over seq-kv.
#[derive(Parser)]
struct Args {
    /// When an add is acknowledged
    #[arg(long, value_enum, default_value_t = AckArg::SeqKv)]
    ack: AckArg,
    /// Milliseconds after which the other nodes' shares are refreshed [default: 1500, or 3000 with
    /// local acknowledgement]
    #[arg(long, value_name = "MS")]
    period: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum AckArg {
    /// After seq-kv has stored it
    SeqKv,
    /// At once: a node that is killed loses adds not stored yet
    Local,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let ack = match args.ack {
        AckArg::SeqKv => Ack::SeqKv,
        AckArg::Local => Ack::Local,
    };
    let period = args.period.map_or(ack.period(), Duration::from_millis);
    glomers::run(move |_| GCounter::new(ack, period))
}
