//! `eddy suite`: tests with targets, the challenges with their official options among them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use jiff::Zoned;

use super::console::Verbosity;
use super::console::print;
use super::junit::{self, Case};
use super::options::TestPlan;
use super::perform::perform;
use super::workload_args::parse_test;
use super::{EXIT_CRASH, EXIT_USAGE};
use crate::Workbench;
use crate::check::Verdict;
use crate::host::Interrupted;
use crate::seed::Seed;
use crate::suite::{Metrics, Row, Suite, Upstream, table};

#[derive(Args)]
pub(super) struct SuiteOptions {
    /// A suite, such as broadcast-3d; a group of them, such as broadcast; or all [default with --file:
    /// all]
    name: Option<String>,

    /// Read suites from this TOML file in place of the built-in ones; maelstrom/README.md describes
    /// the format
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Where to run
    #[arg(long, value_enum, default_value_t = Bench::Eddy)]
    bench: Bench,

    /// How many times to run each suite; every run must reach the targets
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    repeat: u64,

    /// The directory of the node programs [default: that of eddy itself; with --file: that of the file]
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,

    /// Where to write the table as JSON [default: store/suites/<time>.json]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write the outcome of each run as JUnit XML, for continuous integration
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Further options of the bench, and after another -- of the node
    #[arg(last = true, value_name = "OPTIONS")]
    extra: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    /// Eddy
    Eddy,
    /// Upstream Maelstrom
    Maelstrom,
    /// One after the other
    Both,
}

pub(super) fn run(options: &SuiteOptions, bench: &Workbench) -> Result<u8> {
    let prepared = suites(options).and_then(|suites| {
        let upstream = (options.bench != Bench::Eddy)
            .then(Upstream::find)
            .transpose()?;
        Ok((suites, upstream))
    });
    let (suites, upstream) = match prepared {
        Ok(prepared) => prepared,
        Err(problem) => {
            eprintln!("eddy: {problem:#}");
            return Ok(EXIT_USAGE);
        }
    };
    let mut rows = Vec::new();
    let performed = perform_all(options, suites, upstream.as_ref(), bench, &mut rows);
    // What was done before an interrupt is worth a table too.
    print(&format!("\n{}", table(&rows)));
    performed?;
    write_json(options.json.as_deref(), &rows)?;
    if let Some(path) = &options.junit {
        let cases: Vec<Case> = rows.iter().flat_map(cases).collect();
        junit::write(path, "suite", &cases)?;
    }
    let broke_off = rows.iter().any(|row| row.runs.iter().any(Result::is_err));
    Ok(match rows.iter().all(Row::is_met) {
        true => Verdict::Valid.exit_code(),
        false if broke_off => EXIT_CRASH,
        false => Verdict::Invalid.exit_code(),
    })
}

/// Returns the suites that the options name.
fn suites(options: &SuiteOptions) -> Result<Vec<Suite>> {
    let Some(file) = &options.file else {
        // Without a name nothing is found, and the error lists what there is.
        return Suite::named(options.name.as_deref().unwrap_or_default());
    };
    let name = options.name.as_deref().unwrap_or("all");
    let named = || format!("the suites of {}", file.display());
    let text = std::fs::read_to_string(file).with_context(named)?;
    Suite::select(Suite::parse(&text).with_context(named)?, name)
}

/// Returns the directory that the node programs of the suites are relative to.
fn bin_dir(options: &SuiteOptions) -> Result<PathBuf> {
    let beside = match (&options.bin_dir, &options.file) {
        (Some(directory), _) => return Ok(directory.clone()),
        (None, Some(file)) => file.clone(),
        (None, None) => std::env::current_exe().context("the path of eddy itself")?,
    };
    Ok(beside
        .parent()
        .context("a file is in a directory")?
        .to_owned())
}

/// Returns the cases of a row for JUnit: one for each run.
fn cases(row: &Row) -> Vec<Case> {
    let name = format!("{} on {}", row.suite.name, row.bench);
    if let Some(reason) = &row.skipped {
        return vec![Case::skipped(&name, reason)];
    }
    let cases = row.runs.iter().enumerate().map(|(round, run)| {
        let name = format!("{name}, run {}", round + 1);
        match run {
            Ok(metrics) => Case::judged(&name, row.shortfall(metrics)),
            Err(problem) => Case::error(&name, problem),
        }
    });
    cases.collect()
}

/// Runs each suite on each bench, and adds the rows.
fn perform_all(
    options: &SuiteOptions,
    suites: Vec<Suite>,
    upstream: Option<&Upstream>,
    bench: &Workbench,
    rows: &mut Vec<Row>,
) -> Result<()> {
    let bin_dir = bin_dir(options)?;
    for suite in suites {
        let bin = bin_dir.join(&suite.bin);
        if options.bench != Bench::Maelstrom {
            let mut run = |round| on_eddy(&suite, &bin, &options.extra, round, bench);
            rows.push(repeat(&suite, "eddy", options.repeat, &mut run)?);
        }
        if let Some(upstream) = upstream {
            let lacking = match plan(&suite, &bin, &options.extra, bench)? {
                Ok(plan) => Upstream::lacks(plan.workload.name(), &plan.options.faults()),
                // Upstream may read options that Eddy does not.
                Err(_) => None,
            };
            if let Some(lacking) = lacking {
                rows.push(Row {
                    suite,
                    bench: "maelstrom",
                    skipped: Some(lacking),
                    runs: Vec::new(),
                });
                continue;
            }
            let (flags, arguments) = suite.arguments(&options.extra);
            let mut run = |_| upstream.run(&bin, &flags, &arguments);
            rows.push(repeat(&suite, "maelstrom", options.repeat, &mut run)?);
        }
    }
    Ok(())
}

fn repeat(
    suite: &Suite,
    bench: &'static str,
    count: u64,
    run: &mut dyn FnMut(u64) -> Result<Metrics>,
) -> Result<Row> {
    let mut row = Row {
        suite: suite.clone(),
        bench,
        skipped: None,
        runs: Vec::new(),
    };
    for round in 0..count {
        eprintln!("{} on {bench}, run {} of {count} …", suite.name, round + 1);
        let metrics = match run(round) {
            Ok(metrics) => Ok(metrics),
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => Err(format!("{error:#}")),
        };
        if let Err(problem) = &metrics {
            eprintln!("{}: {problem}", suite.name);
        }
        row.runs.push(metrics);
    }
    Ok(row)
}

fn on_eddy(
    suite: &Suite,
    bin: &Path,
    extra: &[String],
    round: u64,
    bench: &Workbench,
) -> Result<Metrics> {
    let plan = match plan(suite, bin, extra, bench)? {
        Ok(plan) => plan,
        Err(problem) => bail!(problem),
    };
    let seed = plan
        .options
        .seed
        .map_or_else(Seed::from_entropy, |seed| Seed(seed + round));
    let finished = perform(&plan, seed, Verbosity::Progress)?;
    for problem in &finished.unwritten {
        eprintln!("{}: {problem}", suite.name);
    }
    if finished.is_interrupted {
        return Err(Interrupted.into());
    }
    if finished.results.verdict() != Verdict::Valid {
        let why = finished.results.explanation().unwrap_or_default();
        eprintln!(
            "{}: {why}\nsee {}",
            suite.name,
            finished.directory.display()
        );
    }
    let results = finished.results.to_edn();
    Ok(Metrics {
        directory: Some(finished.directory),
        ..Metrics::read(&results, &finished.history)
    })
}

/// Returns the plan of a suite's test, or why its options do not fit together.
pub(super) fn plan(
    suite: &Suite,
    bin: &Path,
    extra: &[String],
    bench: &Workbench,
) -> Result<Result<TestPlan, String>, clap::Error> {
    let (flags, arguments) = suite.arguments(extra);
    let line = ["--bin".into(), bin.as_os_str().to_owned()]
        .into_iter()
        .chain(flags.into_iter().map(Into::into))
        .chain(["--".into()])
        .chain(arguments.into_iter().map(Into::into));
    Ok(parse_test(line, &bench.workloads)?.plan(bench))
}

fn write_json(path: Option<&Path>, rows: &[Row]) -> Result<()> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => {
            let name = Zoned::now()
                .strftime("%Y%m%dT%H%M%S.%3f%z.json")
                .to_string();
            Path::new("store/suites").join(name)
        }
    };
    let named = || path.display().to_string();
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).with_context(named)?;
    }
    let json = serde_json::Value::Array(rows.iter().map(Row::to_json).collect());
    std::fs::write(&path, format!("{json:#}\n")).with_context(named)?;
    print(&format!("The same as JSON: {}", path.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_every_suite_fit_together() {
        for suite in Suite::named("all").unwrap() {
            let plan = plan(&suite, Path::new("node"), &[], &Workbench::new());
            let plan = plan.unwrap_or_else(|error| panic!("{}: {error}", suite.name));
            plan.unwrap_or_else(|problem| panic!("{}: {problem}", suite.name));
        }
    }
}
