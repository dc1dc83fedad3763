//! Measures every strategy in simulation, prints the table of the README, and draws its picture.
//!
//! `cargo run --release -p broadcast --example frontier` writes `challenges/broadcast/frontier.svg`.

#![allow(clippy::print_stdout, reason = "a table for people")]

mod plot;

use std::path::Path;

use broadcast::batches::Batches;
use broadcast::flood::{Flood, Graph};
use broadcast::{Broadcast, Windows};
use eddy::check::Workload;
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use glomers::{Context, IntoNode};

use plot::{Kind, Point};

/// Each strategy is measured on so many seeds, and the worst figures count.
const SEEDS: u64 = 5;

/// What others have published for the same options, as messages per operation and greatest latency
/// in ms; see the README for the sources.
const PUBLISHED: [(&str, f64, f64); 6] = [
    ("grid, flooding", 27.81, 799.0),
    ("tree of four, flooding", 12.0, 524.0),
    ("star, a message per value", 12.0, 390.0),
    ("to all, with a backup", 14.7, 102.0),
    ("star, 500 ms batches", 1.92, 1087.0),
    ("star, 100 and 500 ms", 1.99, 678.0),
];

fn main() -> std::io::Result<()> {
    let mut points: Vec<Point> = PUBLISHED
        .map(|(name, messages, max_ms)| Point::new(name, Kind::Published, messages, max_ms))
        .into();
    println!("| strategy | msgs/op | median ms | max ms |");
    println!("|---|---|---|---|");
    measure(&mut points, "flood", Kind::Step, |cx| {
        Flood::new(cx, Graph::Told, false)
    });
    measure(&mut points, "retry", Kind::Step, |cx| {
        Flood::new(cx, Graph::Told, true)
    });
    measure(&mut points, "tree", Kind::Step, |cx| {
        Flood::new(cx, Graph::Tree, true)
    });
    measure(&mut points, "star", Kind::Step, |cx| {
        Flood::new(cx, Graph::Star, true)
    });
    measure(&mut points, "batches", Kind::Step, |_| {
        Batches::new(ms(200))
    });
    let profiles = [
        ("frugal", Windows::frugal()),
        ("balanced", Windows::balanced()),
        ("swift", Windows::swift()),
    ];
    for (name, windows) in profiles {
        measure(&mut points, name, Kind::Rounds, move |cx| {
            Broadcast::new(cx, windows)
        });
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("frontier.svg");
    std::fs::write(path, plot::svg(&points))
}

/// Adds the worst of several runs to the points, and to the table.
fn measure<M: IntoNode + 'static>(
    points: &mut Vec<Point>,
    name: &'static str,
    kind: Kind,
    make: impl Fn(&Context) -> M + Clone + 'static,
) {
    let runs: Vec<Run> = (0..SEEDS).map(|seed| run(seed, make.clone())).collect();
    let worst = |figure: &dyn Fn(&Run) -> f64| runs.iter().map(figure).fold(0.0, f64::max);
    let messages = worst(&Run::messages_per_op);
    let latency_ms = |quantile| worst(&|run| run.stable_latency(quantile).as_secs_f64() * 1e3);
    let max_ms = latency_ms(1.0);
    println!(
        "| {name} | {messages:.2} | {:.0} | {max_ms:.0} |",
        latency_ms(0.5)
    );
    points.push(Point::new(name, kind, messages, max_ms));
}

/// Challenges 3d and 3e.
fn run<M: IntoNode + 'static>(seed: u64, make: impl Fn(&Context) -> M + Clone + 'static) -> Run {
    let run = Simulation::new(Seed(seed))
        .nodes(25, make)
        .latency(Latency::constant(ms(100)))
        .run(Load::of(Workload::Broadcast).rate(100.0).lasting(secs(20)));
    run.assert_valid();
    run
}
