//! `eddy analyze`: the checkers alone, on a saved history.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use super::summary::Summary;
use super::{EXIT_USAGE, console};
use crate::Workbench;
use crate::check::{self, Availability};
use crate::history;
use crate::report::{self, RunSummary};
use crate::workload::Settings;

#[derive(Args)]
pub(super) struct AnalyzeOptions {
    /// The history: history.edn of Jepsen, plain or gzipped, or history.edn or history.jsonl of Eddy
    history: PathBuf,

    /// What clients did
    #[arg(short, long, value_name = "NAME")]
    workload: String,

    /// The least fraction of operations that must succeed: total, or a number from 0 to 1
    #[arg(long, value_name = "X")]
    availability: Option<Availability>,

    /// Write reports (index.html and what it leads to) into this directory
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,

    /// Print all results as EDN, before the summary
    #[arg(long, short = 'v', conflicts_with = "json")]
    verbose: bool,

    /// Print the results as JSON
    #[arg(long)]
    json: bool,

    /// The options of workloads that were given, by name.
    #[arg(skip)]
    pub(super) workload_options: BTreeMap<String, String>,
}

pub(super) fn run(options: &AnalyzeOptions, bench: &Workbench) -> Result<u8> {
    let workload = match bench.workloads.find(&options.workload) {
        Ok(workload) => workload,
        Err(problem) => {
            eprintln!("eddy: {problem}");
            return Ok(EXIT_USAGE);
        }
    };
    let history = history::read_file(&options.history)?;
    let mut settings = Settings {
        availability: options.availability,
        ..Settings::of_history(&*workload)
    };
    for (name, value) in &options.workload_options {
        settings.options.set(name.as_str(), value);
    }
    let mut results = check::check(&history, &*workload, &settings, None);
    let description = format!(
        "{}: the history {}",
        workload.name(),
        options.history.display()
    );
    let page = options
        .report
        .as_ref()
        .map(|directory| directory.join("index.html"));
    if let Some(directory) = &options.report {
        std::fs::create_dir_all(directory).with_context(|| format!("{}", directory.display()))?;
        let summary = RunSummary {
            workload: workload.name(),
            description: &description,
            command: None,
            history: &history,
            journal: None,
            failure: None,
        };
        for warning in report::write(directory, &summary, Some(&mut results)) {
            eprintln!("eddy: {warning}");
        }
        let written = [
            ("results.edn", format!("{results:#}\n")),
            ("results.json", format!("{:#}\n", results.to_json())),
        ];
        for (name, text) in written {
            std::fs::write(directory.join(name), text)
                .with_context(|| format!("writing {name}"))?;
        }
    }
    if options.json {
        console::print(&format!("{:#}", results.to_json()));
    } else {
        let summary = Summary {
            description: &description,
            results: &results,
            history: &history,
            warnings: &[],
            command: None,
            page: page.as_deref(),
        };
        if options.verbose {
            console::print(&format!("{results:#}\n"));
        }
        console::print(&summary.text());
    }
    Ok(results.verdict().exit_code())
}
