//! `eddy test`: one run after the other, on real processes.

use anyhow::Result;

use super::console;
use super::junit::{self, Case};
use super::options::{Output, TestOptions, TestPlan};
use super::perform::{Finished, perform};
use super::shrink::shrink;
use super::summary::Summary;
use super::targets;
use super::warnings::by_kind;
use super::{EXIT_CRASH, EXIT_USAGE};
use crate::Workbench;
use crate::check::Verdict;
use crate::seed::Seed;
use crate::suite::Suite;

pub(super) fn run(options: TestOptions, bench: &Workbench) -> Result<u8> {
    let plan = match options.plan(bench) {
        Ok(plan) => plan,
        Err(problem) => {
            eprintln!("eddy: {problem}");
            return Ok(EXIT_USAGE);
        }
    };
    let mut cases = Vec::new();
    let official = targets::suites_of(&plan, bench);
    let code = run_until_not_valid(&plan, bench, &official, &mut cases);
    if let Some(path) = &plan.options.junit {
        junit::write(path, plan.workload.name(), &cases)?;
    }
    Ok(code)
}

/// Performs as many runs as the options ask for, and stops at the first that is not valid. Returns
/// the exit code.
fn run_until_not_valid(
    plan: &TestPlan,
    bench: &Workbench,
    official: &[Suite],
    cases: &mut Vec<Case>,
) -> u8 {
    for round in 0..plan.options.test_count {
        let seed = plan
            .options
            .seed
            .map_or_else(Seed::from_entropy, |seed| Seed(seed + round));
        let name = format!("seed {seed}");
        match perform(plan, seed, plan.options.verbosity()) {
            Ok(finished) => {
                print(&finished, plan.options.output(), official);
                cases.push(Case::of_run(&name, &finished));
                let verdict = finished.results.verdict();
                if finished.is_interrupted {
                    return EXIT_CRASH;
                }
                if verdict == Verdict::Invalid && plan.options.shrink {
                    let smallest = shrink(plan, seed, finished, bench);
                    console::print(&format!("\n{}", smallest.confidence()));
                    print(&smallest.finished, plan.options.output(), &[]);
                }
                if verdict != Verdict::Valid {
                    return verdict.exit_code();
                }
            }
            Err(failure) => {
                eprintln!("eddy: {failure:#}");
                cases.push(Case::error(&name, &format!("{failure:#}")));
                return EXIT_CRASH;
            }
        }
    }
    Verdict::Valid.exit_code()
}

/// Prints the results of a run, beside the targets of the official suites whose test it is.
pub(super) fn print(finished: &Finished, output: Output, official: &[Suite]) {
    match output {
        Output::Json => return console::print(&format!("{:#}", finished.to_json())),
        Output::Verbose => console::print(&format!("{:#}\n", finished.results)),
        Output::Summary => {}
    }
    let warnings = finished.unwritten.iter().cloned();
    let warnings: Vec<String> = warnings.chain(by_kind(&finished.warnings)).collect();
    let summary = Summary {
        description: &finished.record.description,
        workload: &finished.record.workload,
        results: &finished.results,
        history: &finished.history,
        warnings: &warnings,
        targets: targets::lines(official, finished),
        command: finished.record.command.as_deref(),
        page: finished.page(),
        directory: Some(&finished.directory),
        interrupted_after: finished.is_interrupted.then(|| {
            let last = finished.history.iter().next_back();
            last.map_or_else(Default::default, |operation| operation.time)
        }),
    };
    console::print(&summary.text());
}
