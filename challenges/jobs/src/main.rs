//! `jobs`, the binary.

use std::process::ExitCode;

use clap::Parser;
use jobs::Jobs;
use jobs::policy::Kind;

/// A node that balances jobs between all nodes.
#[derive(Parser)]
struct Arguments {
    /// How the worker of a job is chosen.
    #[arg(long, value_enum, default_value_t = Kind::Best)]
    policy: Kind,
}

fn main() -> ExitCode {
    let policy = Arguments::parse().policy;
    glomers::run(move |cx| Jobs::new(cx, policy))
}
