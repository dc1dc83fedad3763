//! Eddy in virtual time. A simulation runs on one thread, so processor time is the measure.

use std::time::Duration;

use anyhow::{Result, bail};
use bench::Flood;
use eddy::check::Verdict;
use eddy::net::Latency;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload::{self, Topology};
use glomers::Context;

use crate::figures::{Table, Target, per_second, processor_time};

/// Measures simulations and adds their rows to the table.
///
/// # Errors
///
/// A run fails or is not valid.
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
        "simulation, 25 nodes, flood, total topology",
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
    table.row(
        "  virtual time relative to real time",
        "×",
        &ratios,
        Target::None,
    );
    Ok(())
}

/// Runs and checks a simulation. Returns it with its total processor time.
fn simulate(seed: u32, load: Load) -> Result<(Run, Duration)> {
    let begin = processor_time();
    let run = Simulation::new(u64::from(seed))
        .nodes(25, |_: &Context| Flood::default())
        .latency(Latency::constant(ms(100)))
        .run(load);
    let time = processor_time() - begin;
    if let Some(failure) = run.failure() {
        bail!("the simulation failed: {failure:#}");
    }
    if run.verdict() != Verdict::Valid {
        bail!(
            "flooding must be a valid broadcast: {:?}",
            run.results().explanation()
        );
    }
    Ok((run, time))
}
