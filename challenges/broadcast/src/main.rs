//! `broadcast`, the binary.

use broadcast::{Broadcast, Windows};
use clap::{Parser, ValueEnum};

/// A node that tells every node every value.
#[derive(Parser)]
struct Arguments {
    /// What rounds shall save: messages, or time.
    #[arg(long, value_enum, default_value = "balanced")]
    profile: Profile,
}

#[derive(Clone, Copy, ValueEnum)]
enum Profile {
    Frugal,
    Balanced,
    Swift,
}

fn main() -> std::process::ExitCode {
    let windows = match Arguments::parse().profile {
        Profile::Frugal => Windows::frugal(),
        Profile::Balanced => Windows::balanced(),
        Profile::Swift => Windows::swift(),
    };
    glomers::run(|cx| Broadcast::new(cx, windows))
}
