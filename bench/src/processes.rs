//! Eddy on real processes: how much goes through it, and what a run costs beside its time.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use eddy::host::{self, ProcessHost};
use eddy::net::{Event, EventKind, Recording};
use eddy::runner::{self, NoopObserver, Outcome, Plan};
use eddy::seed::Seed;
use eddy::workload::{AnyWorkload, Broadcast, Echo, Settings, Topology};

use crate::figures::{Table, Target, per_second};
use crate::program;

/// The main phase of a run.
const LASTING: Duration = Duration::from_secs(5);

/// Nodes in a flood.
const FLOODERS: usize = 25;

/// More than any node can do.
const UNREACHABLE: f64 = 1e6;

/// So much of a flood's traffic is looked at, in events.
const EVENTS: usize = 1_000_000;

/// What upstream does with five nodes that echo, on a machine with two cores: operations a second.
const UPSTREAM_ECHO: f64 = 1900.0;

/// Adds the rows about processes.
///
/// # Errors
///
/// A node or Eddy itself is missing, or a run broke off.
pub fn measure(table: &mut Table, rounds: u32) -> Result<()> {
    let (mut echoes, mut floods, mut overheads) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let outcome = saturate(Arc::new(Echo), "echo", 5, round)?;
        echoes.push(per_second(outcome.operations() as u64, LASTING));
        let outcome = saturate(Arc::new(Broadcast), "flood", FLOODERS, round)?;
        floods.push(throughput(&outcome)?);
        overheads.push(overhead()?);
    }
    table.row(
        "eddy on processes, echo at saturation (5 nodes, 10n)",
        "op/s",
        &echoes,
        Target::AtLeast(10.0 * UPSTREAM_ECHO),
    );
    table.row(
        "eddy on processes, flood to everybody (25 nodes)",
        "messages/s",
        &floods,
        Target::AtLeast(30_000.0),
    );
    table.row(
        "eddy test: time beside the time limit",
        "s",
        &overheads,
        Target::AtMost(0.2),
    );
    Ok(())
}

/// A run at a rate that nobody can follow.
fn saturate(workload: AnyWorkload, node: &str, count: usize, seed: u32) -> Result<Outcome> {
    let place = tempfile::tempdir().context("a temporary directory")?;
    let nodes: Vec<String> = (0..count).map(|node| format!("n{node}")).collect();
    let command = host::Command::new(&program(node)?, Vec::new())?;
    let mut host = ProcessHost::new(command, &nodes, place.path())?;
    let mut settings = Settings {
        rate: UNREACHABLE,
        concurrency: 10 * count,
        time_limit: LASTING,
        ..Settings::new(&*workload, nodes)
    };
    settings.options.set("topology", Topology::Total);
    let plan = Plan {
        recording: Recording::First(EVENTS),
        ..Plan::new(workload.clone(), settings, Seed(u64::from(seed)))
    };
    let outcome = runner::run(plan, &mut host, &mut NoopObserver);
    if let Some(failure) = &outcome.failure {
        bail!("{workload:?} broke off: {failure:#}");
    }
    Ok(outcome)
}

/// Messages between nodes in a second, from the first of them on. What comes after the main phase
/// does not count: nodes have nothing to do then but to catch up.
fn throughput(outcome: &Outcome) -> Result<f64> {
    let between_nodes =
        |event: &&Event| event.message.src.index().max(event.message.dest.index()) < FLOODERS;
    let mut events = outcome.journal.events().iter().filter(between_nodes);
    let first = events.next().context("nodes did not talk to each other")?;
    let end = first.time + LASTING;
    let (mut received, mut last) = (0, first);
    for event in events.take_while(|event| event.time < end) {
        received += u64::from(event.kind == EventKind::Receive);
        last = event;
    }
    Ok(per_second(received, last.time - first.time))
}

/// How much longer than its time limit a run takes, from the start of the program to its end.
fn overhead() -> Result<f64> {
    let place = tempfile::tempdir().context("a temporary directory")?;
    let begin = Instant::now();
    let status = Command::new(program("eddy")?)
        .args([
            "test",
            "-w",
            "echo",
            "--node-count",
            "1",
            "--time-limit",
            "1",
        ])
        .args(["--rate", "100", "--bin"])
        .arg(program("echo")?)
        .current_dir(place.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("starting eddy")?;
    let time = begin.elapsed();
    ensure!(status.success(), "eddy test ended with {status}");
    Ok(time.as_secs_f64() - 1.0)
}
