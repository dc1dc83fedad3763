//! Eddy in virtual time. A simulation is one thread, so its time is that of one core.

use std::time::Duration;

use anyhow::{Result, bail};
use bench::Flood;
use eddy::check::Verdict;
use eddy::net::Latency;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload::{self, Topology};
use glomers::Context;

use crate::figures::{Table, Target, per_second, processor_time};

/// Adds the rows about simulations.
///
/// # Errors
///
/// A run is not valid.
pub fn measure(table: &mut Table, rounds: u32) -> Result<()> {
    let (mut rates, mut times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let busy = Load::of(workload::Broadcast)
        .rate(100.0)
        .time_limit(secs(10))
        .topology(Topology::Total);
    let official = Load::of(workload::Broadcast)
        .rate(100.0)
        .time_limit(secs(30));
    for round in 0..rounds {
        let (run, time) = simulate(round, busy.clone())?;
        rates.push(per_second(run.journal().servers.sent, time));
        let (run, time) = simulate(round, official.clone())?;
        times.push(time.as_secs_f64());
        ratios.push(run.virtual_time().as_secs_f64() / time.as_secs_f64());
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
        &times,
        Target::AtMost(1.0),
    );
    table.row("  virtual time to real time", "×", &ratios, Target::None);
    Ok(())
}

/// A run, checked, and the time that all of it took.
fn simulate(seed: u32, load: Load) -> Result<(Run, Duration)> {
    let begin = processor_time();
    let run = Simulation::new(u64::from(seed))
        .nodes(25, |_: &Context| Flood::default())
        .latency(Latency::constant(ms(100)))
        .run(load);
    let time = processor_time() - begin;
    if let Some(failure) = run.failure() {
        bail!("the simulation broke off: {failure:#}");
    }
    if run.verdict() != Verdict::Valid {
        bail!(
            "a flood is a valid broadcast: {:?}",
            run.results().explanation()
        );
    }
    Ok((run, time))
}
