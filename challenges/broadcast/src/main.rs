//! The `broadcast` binary: the solution and the strategies that lead to it.

use std::process::ExitCode;
use std::time::Duration;

use broadcast::batches::Batches;
use broadcast::flood::{Flood, Graph};
use broadcast::{Broadcast, Windows};
use clap::{Parser, ValueEnum};
use glomers::run;

/// A node that delivers every value to all nodes.
#[derive(Parser)]
struct Arguments {
    /// How values travel between nodes.
    #[arg(long, value_enum, default_value = "rounds")]
    strategy: Strategy,
    /// Whether rounds save messages or time.
    #[arg(long, value_enum, default_value = "balanced")]
    profile: Profile,
}

#[derive(Clone, Copy, ValueEnum)]
enum Strategy {
    /// Send every value over every edge of the topology, once.
    Flood,
    /// Like flood, but repeat until acknowledged.
    Retry,
    /// Send every value over a tree, until acknowledged.
    Tree,
    /// Send every value over a star, until acknowledged.
    Star,
    /// Send batches of 200 ms over a star, until acknowledged.
    Batches,
    /// Send rounds over a star, with a timetable.
    Rounds,
}

#[derive(Clone, Copy, ValueEnum)]
enum Profile {
    /// Fewest messages, within 1.6 s at 100 ms per hop.
    Frugal,
    /// Few messages, within 590 ms at 100 ms per hop.
    Balanced,
    /// One hop, at one message per value and node.
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
        Strategy::Flood => run(|cx| Flood::new(cx, Graph::Topology, false)),
        Strategy::Retry => run(|cx| Flood::new(cx, Graph::Topology, true)),
        Strategy::Tree => run(|cx| Flood::new(cx, Graph::Tree, true)),
        Strategy::Star => run(|cx| Flood::new(cx, Graph::Star, true)),
        Strategy::Batches => run(|_| Batches::new(Duration::from_millis(200))),
        Strategy::Rounds => run(|cx| Broadcast::new(cx, windows)),
    }
}
