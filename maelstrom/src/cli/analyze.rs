//! `eddy analyze`: the checkers alone, on a run of the past or on any saved history.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use super::summary::Summary;
use super::{EXIT_USAGE, console};
use crate::Workbench;
use crate::check::{self, Availability, Results};
use crate::history::{self, History};
use crate::report::{
    self, MESSAGES_FILE, RunDirectory, RunRecord, RunResults, RunState, RunSummary,
};
use crate::workload::{AnyWorkload, Settings};

/// The files of a run that are not histories, and are easily taken for one.
const NOT_HISTORIES: [&str; 5] = [
    "history.txt",
    "results.edn",
    "results.json",
    "test.json",
    "eddy.log",
];

#[derive(Args)]
pub(super) struct AnalyzeOptions {
    /// The directory of a run, such as store/latest; or a history: history.edn of Jepsen, plain or
    /// gzipped, or history.edn or history.jsonl of Eddy
    path: PathBuf,

    /// The workload [default: the one that the run's test.json names]
    #[arg(short, long, value_name = "NAME")]
    workload: Option<String>,

    /// The least fraction of operations that must succeed: total, or a number from 0 to 1 [default:
    /// what the run demanded]
    #[arg(long, value_name = "X")]
    availability: Option<Availability>,

    /// Write reports (index.html and what it links to) and results into this directory
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,

    /// Print all results as EDN, before the summary
    #[arg(long, short = 'v', conflicts_with = "json")]
    verbose: bool,

    /// Print all results as JSON, and nothing else
    #[arg(long)]
    json: bool,

    /// The options of workloads that were given, by name.
    #[arg(skip)]
    pub(super) workload_options: BTreeMap<String, String>,
}

/// What is judged, and how.
struct Input {
    /// The run, if the path leads to the directory of one.
    run: Option<RunDirectory>,
    record: Option<RunRecord>,
    workload: AnyWorkload,
    settings: Settings,
    /// What the user should know about a run that did not come to its end.
    warning: Option<String>,
}

pub(super) fn run(options: &AnalyzeOptions, bench: &Workbench) -> Result<u8> {
    let input = match Input::find(options, bench) {
        Ok(input) => input,
        Err(problem) => {
            eprintln!("eddy: {problem}");
            return Ok(EXIT_USAGE);
        }
    };
    let history = match &input.run {
        Some(run) => run.history()?,
        None => history::read_file(&options.path)?,
    };
    let mut judged = Judged {
        results: check::check(&history, &*input.workload, &input.settings, None),
        description: input.description(&options.path),
        history,
        input,
        page: None,
    };
    if let Some(directory) = &options.report {
        for problem in judged.write(&RunDirectory::at(directory)?) {
            eprintln!("eddy: {problem}");
        }
    }
    judged.print(options);
    Ok(judged.results.verdict().exit_code())
}

/// A history that was judged.
struct Judged {
    input: Input,
    history: History,
    results: Results,
    description: String,
    /// The page, once it is written.
    page: Option<PathBuf>,
}

impl Judged {
    fn to_json(&self) -> serde_json::Value {
        let whole = RunResults {
            results: &self.results,
            history: &self.history,
            record: self.input.record.as_ref(),
            warnings: &[],
            page: self.page.as_deref(),
            is_interrupted: false,
        };
        whole.to_json()
    }

    fn command(&self) -> Option<&str> {
        self.input.record.as_ref()?.command.as_deref()
    }

    /// Writes reports and results into a directory. Returns what could not be written, and why.
    fn write(&mut self, directory: &RunDirectory) -> Vec<String> {
        let record = self.input.record.as_ref();
        let summary = RunSummary {
            workload: self.input.workload.name(),
            description: &self.description,
            command: record.and_then(|record| record.command.as_deref()),
            history: &self.history,
            journal: None,
            failure: None,
        };
        let mut unwritten = self.copy_messages(directory);
        unwritten.extend(report::write(
            directory.path(),
            &summary,
            Some(&mut self.results),
        ));
        self.page = Some(directory.file("index.html"));
        unwritten.extend(directory.write_results(&self.results, &self.to_json()));
        unwritten
    }

    /// Copies the run's messages beside the reports, which show them. Returns why that failed, if it did.
    fn copy_messages(&self, directory: &RunDirectory) -> Vec<String> {
        let Some(run) = &self.input.run else {
            return Vec::new();
        };
        let (from, to) = (run.file(MESSAGES_FILE), directory.file(MESSAGES_FILE));
        // The reports may be written into the run's own directory.
        if !from.is_file() || to.exists() {
            return Vec::new();
        }
        let copied = fs::copy(&from, &to);
        let problem = copied
            .err()
            .map(|error| format!("not written: {}: {error}", to.display()));
        problem.into_iter().collect()
    }

    fn print(&self, options: &AnalyzeOptions) {
        if options.json {
            return console::print(&format!("{:#}", self.to_json()));
        }
        if options.verbose {
            console::print(&format!("{:#}\n", self.results));
        }
        let warnings: Vec<String> = self.input.warning.iter().cloned().collect();
        let summary = Summary {
            description: &self.description,
            workload: self.input.workload.name(),
            results: &self.results,
            history: &self.history,
            warnings: &warnings,
            targets: Vec::new(),
            command: self.command(),
            page: self.page.clone(),
            directory: self.input.run.as_ref().map(RunDirectory::path),
            interrupted_after: None,
        };
        console::print(&summary.text());
    }
}

impl Input {
    /// Finds out what the path leads to and which workload it belongs to.
    fn find(options: &AnalyzeOptions, bench: &Workbench) -> Result<Input, String> {
        let path = &options.path;
        let run = path.is_dir().then(|| RunDirectory::open(path));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if run.is_none() && NOT_HISTORIES.contains(&&*name) {
            return Err(format!(
                "{} is not a history that can be read back: pass the run's directory, {}, or its \
                 history.jsonl or history.edn",
                path.display(),
                directory_of(path).display()
            ));
        }
        let record = match &run {
            Some(run) => run.record(),
            // The history of a run lies beside its record.
            None if name.starts_with("history.") => RunDirectory::open(directory_of(path)).record(),
            None => Ok(None),
        };
        let record = record.map_err(|error| format!("{error:#}"))?;
        let workload = workload(options, record.as_ref(), bench)?;
        let mut settings = match &record {
            Some(record) => record.settings(&*workload),
            None => Settings::of_history(&*workload),
        };
        if options.availability.is_some() {
            settings.availability = options.availability;
        }
        for (name, value) in &options.workload_options {
            settings.options.set(name.as_str(), value);
        }
        Ok(Input {
            warning: run.as_ref().and_then(warning_of),
            run,
            record,
            workload,
            settings,
        })
    }

    fn description(&self, path: &Path) -> String {
        let shown = path.display();
        match &self.record {
            Some(record) => format!(
                "{shown}, started {}: {}",
                record.started, record.description
            ),
            None => format!("{}: the history {shown}", self.workload.name()),
        }
    }
}

/// Returns the workload that the options name, or the run's record.
fn workload(
    options: &AnalyzeOptions,
    record: Option<&RunRecord>,
    bench: &Workbench,
) -> Result<AnyWorkload, String> {
    let shown = options.path.display();
    let name = match (&options.workload, record) {
        (Some(given), Some(record)) if *given != record.workload => {
            return Err(format!(
                "{shown} is a run of {}, not of {given}: leave -w {given} out",
                record.workload
            ));
        }
        (Some(given), _) => given,
        (None, Some(record)) => &record.workload,
        (None, None) => {
            let workloads = bench.workloads.iter();
            let names: Vec<&str> = workloads.map(|workload| workload.name()).collect();
            return Err(format!(
                "{shown} does not say which workload it is of (there is no test.json): name it with \
                 -w, one of {}",
                names.join(", ")
            ));
        }
    };
    bench.workloads.find(name)
}

/// Returns what the user should know about a run that did not come to its end.
fn warning_of(run: &RunDirectory) -> Option<String> {
    match run.state() {
        RunState::Finished => None,
        RunState::Running => Some("the run still goes on; this is what it saw until now".to_owned()),
        RunState::BrokeOff(reason) => {
            let first = reason.lines().next().unwrap_or_default();
            Some(format!("the run broke off: {first}"))
        }
        RunState::Died => Some(
            "the program that performed the run ended without results, so the history ends where it \
             was cut off"
                .to_owned(),
        ),
    }
}

fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    }
}
