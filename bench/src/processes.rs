//! Eddy on real processes: throughput, and the time that a run takes beyond its time limit.

use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use eddy::internal::{self, MessageLog, NoopObserver, Outcome, Plan, ProcessHost, Recording};
use eddy::net::{Event, EventKind};
use eddy::seed::Seed;
use eddy::workload::{AnyWorkload, Broadcast, Echo, Settings, Topology};

use crate::figures::{Table, Target, per_second};
use crate::program;

/// The time limit of a run.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// The number of nodes in a flood.
const FLOODERS: usize = 25;

/// A rate above the capacity of any node, in operations per second.
const SATURATING_RATE: f64 = 1e6;

/// The number of recorded events of a flood.
const RECORDED_EVENTS: usize = 1_000_000;

/// Operations per second of upstream Maelstrom with five echo nodes on two cores.
const UPSTREAM_ECHO: f64 = 1900.0;

/// Measures processes and adds their rows to the table.
///
/// # Errors
///
/// A program is missing or a run fails.
pub fn measure(table: &mut Table, rounds: u32) -> Result<()> {
    let (mut echoes, mut floods, mut overheads) = ([vec![], vec![]], [vec![], vec![]], vec![]);
    for round in 0..rounds {
        for (place, messages) in [Messages::Dropped, Messages::Logged]
            .into_iter()
            .enumerate()
        {
            let outcome = saturate(Arc::new(Echo), "echo", 5, round, messages)?;
            echoes[place].push(per_second(outcome.operations() as u64, TIME_LIMIT));
            let outcome = saturate(Arc::new(Broadcast), "flood", FLOODERS, round, messages)?;
            floods[place].push(throughput(&outcome)?);
        }
        overheads.push(overhead()?);
    }
    let ([echoes, logged_echoes], [floods, logged_floods]) = (echoes, floods);
    table.row(
        "eddy's runner on processes, echo at saturation (5 nodes, 10n)",
        "op/s",
        &echoes,
        Target::AtLeast(10.0 * UPSTREAM_ECHO),
    );
    table.row(
        "  with messages.jsonl, as eddy test writes it",
        "op/s",
        &logged_echoes,
        Target::AtLeast(10.0 * UPSTREAM_ECHO),
    );
    table.row(
        "eddy's runner on processes, flood, total topology (25 nodes)",
        "messages/s",
        &floods,
        Target::AtLeast(30_000.0),
    );
    table.row(
        "  with messages.jsonl",
        "messages/s",
        &logged_floods,
        Target::AtLeast(30_000.0),
    );
    table.row(
        "eddy test: time beyond the time limit",
        "s",
        &overheads,
        Target::AtMost(0.2),
    );
    Ok(())
}

/// What happens to the messages of a run, besides the events that are measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Messages {
    /// They are counted only.
    Dropped,
    /// They are written to a log while the run goes on.
    Logged,
}

/// Runs a workload at a rate above the capacity of the nodes, without a report or a checker.
fn saturate(
    workload: AnyWorkload,
    node: &str,
    count: usize,
    seed: u32,
    messages: Messages,
) -> Result<Outcome> {
    let place = tempfile::tempdir().context("a temporary directory")?;
    let nodes: Vec<String> = (0..count).map(|node| format!("n{node}")).collect();
    let command = internal::Command::new(&program(node)?, Vec::new())?;
    let mut host = ProcessHost::new(command, &nodes, &place.path().join("node-logs"))?;
    let mut settings = Settings {
        rate: SATURATING_RATE,
        concurrency: 10 * count,
        time_limit: TIME_LIMIT,
        ..Settings::new(&*workload, nodes)
    };
    settings.options.set("topology", Topology::Total);
    let log = match messages {
        Messages::Dropped => None,
        Messages::Logged => {
            let file = File::create(place.path().join("messages.jsonl"))?;
            Some(MessageLog::new(file))
        }
    };
    let plan = Plan {
        recording: Recording::First(RECORDED_EVENTS),
        message_log: log,
        ..Plan::new(workload.clone(), settings, Seed(u64::from(seed)))
    };
    let outcome = internal::run(plan, &mut host, &mut NoopObserver);
    if let Some(failure) = &outcome.failure {
        bail!("{workload:?} failed: {failure:#}");
    }
    Ok(outcome)
}

/// Returns messages between nodes per second, from the first one on. Messages after the time limit do
/// not count, because nodes only catch up then.
fn throughput(outcome: &Outcome) -> Result<f64> {
    let between_nodes =
        |event: &&Event| event.message.src.index().max(event.message.dest.index()) < FLOODERS;
    let mut events = outcome.journal.events().iter().filter(between_nodes);
    let first = events
        .next()
        .context("there are no messages between nodes")?;
    let end = first.time + TIME_LIMIT;
    let (mut received, mut last) = (0, first);
    for event in events.take_while(|event| event.time < end) {
        received += u64::from(event.kind == EventKind::Receive);
        last = event;
    }
    Ok(per_second(received, last.time - first.time))
}

/// Returns how many seconds longer than its time limit `eddy test` takes, from start to exit.
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
