//! One run on real processes, from the store's directory to the verdict.

use std::path::{Path, PathBuf};

use super::command_line::command_line;
use super::console::Console;
use super::options::TestPlan;
use crate::check::{self, Results};
use crate::history::{History, Operation};
use crate::host::{Command, Interrupted, ProcessHost};
use crate::net::Recording;
use crate::report::{
    self, EVENTS_MAX, LineStream, RunDirectory, RunRecord, RunResults, RunSummary,
};
use crate::runner::{self, Observer, Outcome, Plan, Warning};
use crate::seed::Seed;
use anyhow::Result;

/// The number of events of a node's initialisation, which the diagram of messages does not show.
const EVENTS_PER_INIT: usize = 4;

/// A run that was judged.
pub struct Finished {
    /// What the checkers say.
    pub results: Results,
    /// What the clients saw.
    pub history: History,
    /// What was run.
    pub record: RunRecord,
    /// What the user should know whatever the verdict is.
    pub warnings: Vec<Warning>,
    /// The files that could not be written, and why.
    pub unwritten: Vec<String>,
    /// The directory of the run.
    pub directory: PathBuf,
    /// Whether the user ended the run before its time, so that the verdict is about a part of it.
    pub is_interrupted: bool,
}

impl Finished {
    /// Returns the path of the run's page; `None` if it could not be written.
    pub fn page(&self) -> Option<PathBuf> {
        Some(self.directory.join("index.html")).filter(|page| page.is_file())
    }

    /// Returns the content of `results.json`.
    pub fn to_json(&self) -> serde_json::Value {
        let page = self.page();
        let whole = RunResults {
            results: &self.results,
            history: &self.history,
            record: Some(&self.record),
            warnings: &self.warnings,
            page: page.as_deref(),
            is_interrupted: self.is_interrupted,
        };
        whole.to_json()
    }
}

/// Performs one run, judges it, and writes everything about it to the store. Files that cannot be
/// written do not cost the verdict; see [`Finished::unwritten`].
///
/// # Errors
///
/// The node program cannot be run, a node crashed or did not initialise, or the run's directory
/// cannot be created. What was observed of a run that broke off is in the store all the same.
pub fn perform(plan: &TestPlan, seed: Seed, quiet: bool) -> Result<Finished> {
    let options = &plan.options;
    let command = Command::new(&options.bin, options.node_args.clone())?;
    let mut directory = RunDirectory::create(Path::new("store"), plan.workload.name())?;
    let record = record(plan, &command, seed);
    let mut unwritten = Vec::new();
    let mut note = |written: Result<()>| {
        unwritten.extend(written.err().map(|error| format!("not written: {error:#}")));
    };
    note(directory.begin(&record));
    let log = LineStream::create(&directory.file("eddy.log"), String::clone);
    let history = directory.history_stream();
    let mut recorder = Recorder {
        console: Console::new(
            log.map_err(|error| note(Err(error))).ok(),
            quiet,
            &plan.faults,
        ),
        history: history.map_err(|error| note(Err(error))).ok(),
    };

    let mut outcome = observe(plan, command, seed, &directory, &record, &mut recorder)?;
    let Recorder {
        mut console,
        history,
    } = recorder;
    if let Some(history) = history {
        note(history.finish());
    }
    console.say("Run complete, writing");
    unwritten.extend(directory.write_history(&outcome.history));
    let mut finished = match outcome.failure.take() {
        Some(failure) if !failure.is::<Interrupted>() => {
            let failure = broke_off(&directory, &record, outcome.history, failure);
            let _ = console.finish();
            return Err(failure);
        }
        failure => Finished {
            is_interrupted: failure.is_some(),
            results: judge(plan, &outcome, &mut console),
            history: outcome.history,
            record,
            warnings: outcome.warnings,
            unwritten,
            directory: directory.path().to_owned(),
        },
    };
    let summary = RunSummary {
        workload: plan.workload.name(),
        description: &finished.record.description,
        command: finished.record.command.as_deref(),
        history: &finished.history,
        journal: Some(&outcome.journal),
        failure: None,
    };
    let missing = report::write(directory.path(), &summary, Some(&mut finished.results));
    finished.unwritten.extend(missing);
    let json = finished.to_json();
    let missing = directory.write_results(&finished.results, &json);
    finished.unwritten.extend(missing);
    console.say(&format!(
        "Analysis complete: see {}",
        directory.file("index.html").display()
    ));
    finished.unwritten.extend(console.finish());
    Ok(finished)
}

/// Runs the nodes and the clients.
fn observe(
    plan: &TestPlan,
    command: Command,
    seed: Seed,
    directory: &RunDirectory,
    record: &RunRecord,
    recorder: &mut Recorder,
) -> Result<Outcome> {
    recorder.console.say(&record.description);
    recorder
        .console
        .say(&format!("launching {}", record.program.join(" ")));
    let options = &plan.options;
    let nodes = &plan.settings.nodes;
    let mut host = ProcessHost::new(command, nodes, &directory.file("node-logs"))?
        .echo_stderr(options.log_stderr);
    let run = Plan {
        latency: plan.latency,
        nemesis: plan.nemesis(),
        services: options.services(),
        recording: Recording::First(EVENTS_MAX + EVENTS_PER_INIT * nodes.len()),
        log_sent: options.log_net_send,
        log_received: options.log_net_recv,
        ..Plan::new(plan.workload.clone(), plan.settings.clone(), seed)
    };
    Ok(runner::run(run, &mut host, recorder))
}

fn judge(plan: &TestPlan, outcome: &Outcome, console: &mut Console) -> Results {
    console.say("Analyzing...");
    let net = outcome.journal.to_edn(outcome.operations());
    check::check(&outcome.history, &*plan.workload, &plan.settings, Some(net))
}

/// Writes what is left to write of a run that broke off, and returns the error for the user.
fn broke_off(
    directory: &RunDirectory,
    record: &RunRecord,
    history: History,
    failure: anyhow::Error,
) -> anyhow::Error {
    // The disk may be full. The failure is what matters, and it is printed in any case.
    let _ = directory.write_failure(&format!("{failure:#}"));
    let summary = RunSummary {
        workload: &record.workload,
        description: &record.description,
        command: record.command.as_deref(),
        history: &history,
        journal: None,
        failure: Some(&failure),
    };
    let _ = report::write(directory.path(), &summary, None);
    let place = directory.path().display();
    anyhow::anyhow!(
        "the run broke off. {failure:#}\nWhat was seen until then is in {place}; judge it with: eddy \
         analyze {place}"
    )
}

/// Follows a run on the console and in the store.
struct Recorder {
    console: Console,
    /// `None` if the file could not be created.
    history: Option<LineStream<Operation>>,
}

impl Observer for Recorder {
    fn operation(&mut self, operation: &Operation) {
        if let Some(history) = &self.history {
            history.push(operation.clone());
        }
        self.console.operation(operation);
    }

    fn milestone(&mut self, text: &str) {
        self.console.milestone(text);
    }

    fn warning(&mut self, text: &str) {
        self.console.warning(text);
    }

    fn progress(&mut self, elapsed: std::time::Duration, total: std::time::Duration) {
        self.console.progress(elapsed, total);
    }
}

/// Returns the record of a run of `plan` that starts now.
fn record(plan: &TestPlan, command: &Command, seed: Seed) -> RunRecord {
    let TestPlan {
        options, settings, ..
    } = plan;
    let program = command.program.display().to_string();
    let faults = options.faults();
    RunRecord {
        description: describe(plan, seed),
        command: Some(command_line(plan, seed)),
        program: [&[program][..], &command.arguments].concat(),
        latency_dist: Some(options.latency_dist.to_string()),
        fault_interval_s: (!faults.is_empty()).then(|| options.nemesis_interval.as_secs_f64()),
        faults,
        ..RunRecord::new(plan.workload.name(), settings, seed)
    }
}

/// Returns everything that determines the run, in one line, the seed first.
fn describe(plan: &TestPlan, seed: Seed) -> String {
    let TestPlan {
        options,
        settings,
        latency,
        ..
    } = plan;
    let faults = match &options.faults()[..] {
        [] => "no faults".to_owned(),
        faults => format!("{} every {:?}", faults.join(", "), options.nemesis_interval),
    };
    format!(
        "seed {seed}: {}, {}, {}, {} op/s for {} s, latency {latency}, {faults}",
        plan.workload.name(),
        counted(settings.nodes.len(), "node"),
        counted(settings.concurrency, "client"),
        settings.rate,
        options.time_limit,
    )
}

/// Returns a number with its noun: `1 node`, `2 nodes`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
