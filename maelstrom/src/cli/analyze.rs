//! `eddy analyze`: the checkers alone, on a saved history.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use super::console;
use super::values::parse_models;
use crate::check::{self, Availability, Workload};
use crate::history;
use crate::report::{self, RunSummary};

#[derive(Args)]
pub(super) struct AnalyzeOptions {
    /// The history: history.edn of Jepsen, plain or gzipped, or history.edn or history.jsonl of Eddy
    history: PathBuf,

    /// What clients did
    #[arg(short, long, value_name = "NAME", value_parser = Workload::from_name)]
    workload: Workload,

    /// The least fraction of operations that must succeed: total, or a number from 0 to 1
    #[arg(long, value_name = "X")]
    availability: Option<Availability>,

    /// Consistency models that transactions must satisfy, separated by " , " (with spaces)
    #[arg(long, value_name = "LIST", default_value = "strict-serializable")]
    consistency_models: String,

    /// Write reports (index.html and what it leads to) into this directory
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,

    /// Print the results as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &AnalyzeOptions) -> Result<u8> {
    let history = history::read_file(&options.history)?;
    let check = check::Options {
        availability: options.availability,
        consistency_models: parse_models(&options.consistency_models),
    };
    let mut results = check::check(&history, options.workload, &check, None);
    if let Some(directory) = &options.report {
        std::fs::create_dir_all(directory).with_context(|| format!("{}", directory.display()))?;
        let summary = RunSummary {
            workload: options.workload,
            description: &format!("the history {}", options.history.display()),
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
        console::print_results(&results);
    }
    Ok(results.verdict().exit_code())
}
