//! Eddy in virtual time.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bench::Flood;
use eddy::check::{Verdict, Workload};
use eddy::net::Latency;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload::topology::Topology;
use glomers::Context;

use crate::figures::{Table, Target, per_second};

/// Adds the rows about simulations.
///
/// # Errors
///
/// A run is not valid.
pub fn measure(table: &mut Table, rounds: u32) -> Result<()> {
    let (mut rates, mut walls, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let busy = Load::of(Workload::Broadcast)
        .rate(100.0)
        .lasting(secs(10))
        .topology(Topology::Total);
    let official = Load::of(Workload::Broadcast).rate(100.0).lasting(secs(30));
    for round in 0..rounds {
        let (run, wall) = simulate(round, busy.clone())?;
        rates.push(per_second(run.journal().servers.sent, wall));
        let (run, wall) = simulate(round, official.clone())?;
        walls.push(wall.as_secs_f64());
        ratios.push(run.virtual_time().as_secs_f64() / wall.as_secs_f64());
    }
    table.row(
        "simulation, 25 nodes, flood to everybody",
        "messages/s",
        &rates,
        Target::AtLeast(100_000.0),
    );
    table.row(
        "simulation, 3d for 30 s (25 nodes, flood on the grid)",
        "s",
        &walls,
        Target::AtMost(1.0),
    );
    table.row("  virtual time to wall time", "×", &ratios, Target::None);
    Ok(())
}

/// A run, checked, and the time that all of it took.
fn simulate(seed: u32, load: Load) -> Result<(Run, Duration)> {
    let begin = Instant::now();
    let run = Simulation::new(u64::from(seed))
        .nodes(25, |_: &Context| Flood::default())
        .latency(Latency::constant(ms(100)))
        .run(load);
    let wall = begin.elapsed();
    if let Some(failure) = run.failure() {
        bail!("the simulation broke off: {failure:#}");
    }
    if run.verdict() != Verdict::Valid {
        bail!("a flood is a valid broadcast: {:?}", run.results().explanation());
    }
    Ok((run, wall))
}
