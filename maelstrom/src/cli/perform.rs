//! One run on real processes, from the store's directory to the verdict.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::command_line::command_line;
use super::console::{Console, Verbosity};
use super::options::TestPlan;
use crate::check::{self, Results};
use crate::history::{History, Operation};
use crate::host::{Command, Interrupted, ProcessHost};
use crate::net::{Journal, MessageLog};
use crate::report::{
    self, LineStream, MESSAGES_FILE, RunDirectory, RunRecord, RunResults, RunSummary,
};
use crate::runner::{self, Observer, Outcome, Plan, Warning};
use crate::seed::Seed;

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

    /// Writes the reports and the results.
    fn write(&mut self, directory: &RunDirectory, journal: &Journal) {
        let summary = RunSummary {
            workload: &self.record.workload,
            description: &self.record.description,
            command: self.record.command.as_deref(),
            history: &self.history,
            journal: Some(journal),
            failure: None,
        };
        let missing = report::write(directory.path(), &summary, Some(&mut self.results));
        self.unwritten.extend(missing);
        let json = self.to_json();
        let missing = directory.write_results(&self.results, &json);
        self.unwritten.extend(missing);
    }
}

/// Performs one run, judges it, and writes everything about it to the store. Files that cannot be
/// written do not cost the verdict; see [`Finished::unwritten`].
///
/// # Errors
///
/// The node program cannot be run, a node crashed or did not initialise, or the run's directory
/// cannot be created. What was observed of a run that broke off is in the store all the same.
pub fn perform(plan: &TestPlan, seed: Seed, verbosity: Verbosity) -> Result<Finished> {
    let options = &plan.options;
    let command = Command::new(&options.bin, options.node_args.clone())?;
    let mut directory = RunDirectory::create(Path::new("store"), plan.workload.name())?;
    let record = record(plan, &command, seed);
    let mut unwritten = Vec::new();
    note(&mut unwritten, directory.begin(&record));
    let mut recorder = Recorder::create(&directory, plan, verbosity, &mut unwritten);
    let outcome = observe(plan, command, seed, &directory, &record, &mut recorder);
    let mut console = recorder.finish(&mut unwritten);
    let mut outcome = outcome.inspect_err(|error| {
        note(
            &mut unwritten,
            directory.write_failure(&format!("{error:#}")),
        );
    })?;
    console.say("Run complete, writing");
    unwritten.extend(directory.write_history(&outcome.history));
    let failure = outcome.failure.take();
    let is_interrupted = failure
        .as_ref()
        .is_some_and(|failure| failure.is::<Interrupted>());
    if let Some(failure) = failure.filter(|_| !is_interrupted) {
        for problem in unwritten {
            console.warning(&problem);
        }
        let failure = broke_off(&directory, &record, &outcome, failure);
        let _ = console.finish();
        return Err(failure);
    }
    console.say("Analyzing...");
    let net = outcome.journal.to_edn(outcome.operations());
    let results = check::check(&outcome.history, &*plan.workload, &plan.settings, Some(net));
    let mut finished = Finished {
        results,
        history: outcome.history,
        record,
        warnings: outcome.warnings,
        unwritten,
        directory: directory.path().to_owned(),
        is_interrupted,
    };
    finished.write(&directory, &outcome.journal);
    console.say(&format!(
        "Analysis complete: see {}",
        directory.file("index.html").display()
    ));
    finished.unwritten.extend(console.finish());
    Ok(finished)
}

/// Adds the failure to write a file to the list of what could not be written.
fn note(unwritten: &mut Vec<String>, written: Result<()>) {
    unwritten.extend(written.err().map(|error| format!("not written: {error:#}")));
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
        message_log: recorder.messages.take(),
        log_sent: options.log_net_send,
        log_received: options.log_net_recv,
        ..Plan::new(plan.workload.clone(), plan.settings.clone(), seed)
    };
    Ok(runner::run(run, &mut host, recorder))
}

/// Writes what is left to write of a run that broke off, and returns the error for the user.
fn broke_off(
    directory: &RunDirectory,
    record: &RunRecord,
    outcome: &Outcome,
    failure: anyhow::Error,
) -> anyhow::Error {
    // The disk may be full. The failure is what matters, and it is printed in any case.
    let _ = directory.write_failure(&format!("{failure:#}"));
    let summary = RunSummary {
        workload: &record.workload,
        description: &record.description,
        command: record.command.as_deref(),
        history: &outcome.history,
        journal: Some(&outcome.journal),
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
    /// `None` if the file could not be created, or once the run has it.
    messages: Option<MessageLog>,
}

impl Recorder {
    /// Creates the files that are written during the run.
    fn create(
        directory: &RunDirectory,
        plan: &TestPlan,
        verbosity: Verbosity,
        unwritten: &mut Vec<String>,
    ) -> Recorder {
        let log = LineStream::create(
            &directory.file("eddy.log"),
            |text: &String, line: &mut String| {
                line.push_str(text);
            },
        );
        let log = log.map_err(|error| note(unwritten, Err(error))).ok();
        let history = directory.history_stream();
        let messages = directory.file(MESSAGES_FILE);
        let messages = File::create(&messages)
            .map(MessageLog::new)
            .with_context(|| format!("{}", messages.display()));
        Recorder {
            console: Console::new(log, verbosity, &plan.faults),
            history: history.map_err(|error| note(unwritten, Err(error))).ok(),
            messages: messages.map_err(|error| note(unwritten, Err(error))).ok(),
        }
    }

    /// Closes the history, and returns the console.
    fn finish(self, unwritten: &mut Vec<String>) -> Console {
        if let Some(history) = self.history {
            note(unwritten, history.finish());
        }
        self.console
    }
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

    fn progress(&mut self, elapsed: Duration, total: Duration) {
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
        fault_interval_s: (!faults.is_empty()).then_some(options.nemesis_interval.as_secs_f64()),
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
