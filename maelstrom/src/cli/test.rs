//! `eddy test`: one run after the other, on real processes.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::command_line::command_line;
use super::console::{self, Console};
use super::options::{TestOptions, TestPlan};
use super::summary::Summary;
use super::{EXIT_CRASH, EXIT_USAGE};
use crate::Workbench;
use crate::check::{self, Results, Verdict};
use crate::history::History;
use crate::host::{Command, Interrupted, ProcessHost};
use crate::net::MessageLog;
use crate::report::{MESSAGES_FILE, RunSummary, Store};
use crate::runner::{self, Observer, Plan};
use crate::seed::Seed;

/// A run that came to its end.
pub struct Finished {
    /// What the checkers say.
    pub results: Results,
    /// What the clients saw.
    pub history: History,
    /// What was run, in a line.
    pub description: String,
    /// The command that repeats it.
    pub command: String,
    /// What does not change the verdict, but should be known.
    pub warnings: Vec<String>,
    /// Where everything about it was written.
    pub directory: PathBuf,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// On one screen.
    Summary,
    /// The same, after all results as EDN.
    Verbose,
    /// All results as JSON, and nothing else.
    Json,
}

impl Finished {
    fn print(&self, output: Output) {
        match output {
            Output::Json => return console::print(&format!("{:#}", self.results.to_json())),
            Output::Verbose => console::print(&format!("{:#}\n", self.results)),
            Output::Summary => {}
        }
        let summary = Summary {
            description: &self.description,
            results: &self.results,
            history: &self.history,
            warnings: &self.warnings,
            command: Some(&self.command),
            page: Some(&self.directory.join("index.html")),
        };
        console::print(&summary.text());
    }
}

pub(super) fn run(options: TestOptions, bench: &Workbench) -> Result<u8> {
    let plan = match options.plan(bench) {
        Ok(plan) => plan,
        Err(problem) => {
            eprintln!("eddy: {problem}");
            return Ok(EXIT_USAGE);
        }
    };
    for round in 0..plan.options.test_count {
        let seed = plan
            .options
            .seed
            .map_or_else(Seed::from_entropy, |seed| Seed(seed + round));
        let finished = match perform(&plan, seed, plan.options.quiet) {
            Ok(finished) => finished,
            Err(failure) => {
                eprintln!("eddy: {failure:#}");
                return Ok(EXIT_CRASH);
            }
        };
        finished.print(plan.options.output());
        let verdict = finished.results.verdict();
        if verdict != Verdict::Valid {
            return Ok(verdict.exit_code());
        }
    }
    Ok(Verdict::Valid.exit_code())
}

/// Performs one run, checks it, and writes everything about it to the store.
///
/// # Errors
///
/// The node program cannot be run, a node crashed or did not initialise, the run was interrupted,
/// or the store cannot be written. The history of a run that broke off is in the store all the same.
pub fn perform(plan: &TestPlan, seed: Seed, quiet: bool) -> Result<Finished> {
    let options = &plan.options;
    let command = Command::new(&options.bin, options.node_args.clone())?;
    let store = Store::create(Path::new("store"), plan.workload.name())?;
    let mut console = Console::new(&store.path("eddy.log"), quiet)?;
    let description = describe(plan, seed);
    console.say(&description);
    let arguments = command.arguments.join(" ");
    console.say(&format!(
        "launching {} {arguments}",
        command.program.display()
    ));

    let mut host = ProcessHost::new(command, &plan.settings.nodes, &store.path("node-logs"))?
        .echo_stderr(options.log_stderr);
    let path = store.path(MESSAGES_FILE);
    let messages = File::create(&path).with_context(|| format!("{}", path.display()))?;
    let run = Plan {
        latency: plan.latency,
        nemesis: plan.nemesis(),
        services: options.services(),
        message_log: Some(MessageLog::new(messages)),
        log_sent: options.log_net_send,
        log_received: options.log_net_recv,
        ..Plan::new(plan.workload.clone(), plan.settings.clone(), seed)
    };
    let outcome = runner::run(run, &mut host, &mut console);
    console.say("Run complete, writing");
    store.write_history(&outcome.history)?;
    drop(host);
    let command = command_line(plan, seed);
    let summary = RunSummary {
        workload: plan.workload.name(),
        description: &description,
        command: Some(&command),
        history: &outcome.history,
        journal: Some(&outcome.journal),
        failure: outcome.failure.as_ref(),
    };
    if let Some(failure) = &outcome.failure {
        for warning in store.write_reports(&summary, None) {
            console.warning(&warning);
        }
        console.finish();
        if failure.is::<Interrupted>() {
            return Err(Interrupted.into());
        }
        let place = store.directory().display();
        anyhow::bail!("the run broke off. {failure:#}\nWhat was seen until then is in {place}.");
    }
    console.say("Analyzing...");
    let net = outcome.journal.to_edn(outcome.operations());
    let mut results = check::check(&outcome.history, &*plan.workload, &plan.settings, Some(net));
    for warning in store.write_reports(&summary, Some(&mut results)) {
        console.warning(&warning);
    }
    store.write_results(&results).context("writing results")?;
    console.say(&format!(
        "Analysis complete: see {}",
        store.path("index.html").display()
    ));
    console.finish();
    Ok(Finished {
        results,
        history: outcome.history,
        description,
        command,
        warnings: outcome.warnings.iter().map(ToString::to_string).collect(),
        directory: store.directory().to_owned(),
    })
}

/// Everything that the run is determined by, seed first.
fn describe(plan: &TestPlan, seed: Seed) -> String {
    let TestPlan {
        options,
        settings,
        latency,
        ..
    } = plan;
    let faults = options
        .nemesis
        .as_ref()
        .map_or(String::new(), |faults| faults.0.join(", "));
    let faults = if faults.is_empty() {
        "no faults".to_owned()
    } else {
        format!("{faults} every {:?}", options.nemesis_interval)
    };
    format!(
        "seed {seed}: {}, {} nodes, {} clients, {} op/s for {} s, latency {latency}, {faults}",
        plan.workload.name(),
        settings.nodes.len(),
        settings.concurrency,
        settings.rate,
        options.time_limit,
    )
}
