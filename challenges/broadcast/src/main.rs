//! `broadcast`, the binary: the solution, and the steps that led to it.

use std::process::ExitCode;
use std::time::Duration;

use broadcast::batches::Batches;
use broadcast::flood::{Flood, Graph};
use broadcast::{Broadcast, Windows};
use clap::{Parser, ValueEnum};
use glomers::run;

/// A node that tells every node every value.
#[derive(Parser)]
struct Arguments {
    /// How values travel.
    #[arg(long, value_enum, default_value = "rounds")]
    strategy: Strategy,
    /// What rounds shall save: messages, or time.
    #[arg(long, value_enum, default_value = "balanced")]
    profile: Profile,
}

#[derive(Clone, Copy, ValueEnum)]
enum Strategy {
    /// Over every edge of the topology, once.
    Flood,
    /// The same, until acknowledged.
    Retry,
    /// Over a tree, until acknowledged.
    Tree,
    /// Over a star, until acknowledged.
    Star,
    /// Over a star, in batches of 200 ms, until acknowledged.
    Batches,
    /// Over a star, in rounds with a timetable.
    Rounds,
}

#[derive(Clone, Copy, ValueEnum)]
enum Profile {
    Frugal,
    Balanced,
    Swift,
}

fn main() -> ExitCode {
    let Arguments { strategy, profile } = Arguments::parse();
    let windows = match profile {
        Profile::Frugal => Windows::frugal(),
        Profile::Balanced => Windows::balanced(),
        Profile::Swift => Windows::swift(),
    };
    match strategy {
        Strategy::Flood => run(|cx| Flood::new(cx, Graph::Told, false)),
        Strategy::Retry => run(|cx| Flood::new(cx, Graph::Told, true)),
        Strategy::Tree => run(|cx| Flood::new(cx, Graph::Tree, true)),
        Strategy::Star => run(|cx| Flood::new(cx, Graph::Star, true)),
        Strategy::Batches => run(|_| Batches::new(Duration::from_millis(200))),
        Strategy::Rounds => run(|cx| Broadcast::new(cx, windows)),
    }
}
