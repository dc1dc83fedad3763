//! Eddy in virtual time. A simulation runs on one thread, so processor time is the measure.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bench::{Chatter, Flood};
use eddy::check::Verdict;
use eddy::net::Latency;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload::{self, Topology};
use glomers::Context;
use tokio::time::sleep;

use crate::figures::{Table, Target, median, per_second, processor_time};

/// The sizes of the clusters in which the cost of one message is measured.
const SIZES: [usize; 4] = [25, 400, 1000, 4000];

/// The messages that the nodes of such a cluster send in a run.
const MESSAGES: u32 = 600_000;

/// The growth of this cost between the smallest and the largest cluster that is acceptable.
const MAX_GROWTH: f64 = 1.3;

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
    let mut smallest = None;
    for size in SIZES {
        let costs = (0..rounds).map(|round| message_cost(round, size));
        let costs: Vec<f64> = costs.collect::<Result<_>>()?;
        let smallest = *smallest.get_or_insert_with(|| median(&costs));
        let target = Target::AtMost(MAX_GROWTH * smallest);
        table.row(
            &format!("a message among {size} nodes"),
            "µs",
            &costs,
            target,
        );
    }
    Ok(())
}

/// Returns the processor time of one message in a cluster of this size, in microseconds, without the start
/// of the nodes. Every node sends equal messages to the next one.
fn message_cost(seed: u32, size: usize) -> Result<f64> {
    let (started, lasting) = (secs(2), secs(20));
    let chatter = Chatter {
        interval: lasting * size as u32 / MESSAGES,
        receivers: 1,
    };
    let begin = Rc::new(Cell::new(None));
    let mark = begin.clone();
    let run = Simulation::new(u64::from(seed))
        .nodes(size, move |_: &Context| chatter)
        .latency(Latency::constant(ms(100)))
        .script(move |_| async move {
            sleep(started).await;
            mark.set(Some(processor_time()));
        })
        .run(Load::of(workload::Echo).rate(1.0).time_limit(lasting));
    let end = processor_time();
    if let Some(failure) = run.failure() {
        bail!("the simulation failed: {failure:#}");
    }
    let begin = begin.get().context("the simulation ended too early")?;
    let share = (run.virtual_time() - started).div_duration_f64(run.virtual_time());
    let messages = run.journal().all().sent as f64 * share;
    Ok((end - begin).as_secs_f64() * 1e6 / messages)
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
