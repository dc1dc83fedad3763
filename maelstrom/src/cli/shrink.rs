//! `eddy test --shrink`: the smallest test in which a node program still fails.
//!
//! Runs on real processes do not repeat exactly, so a smaller test counts as failing if it fails in
//! the same way in [`NEEDED`] of [`TRIALS`] runs. The search is greedy: from the smallest test so far
//! it tries, one option at a time, fewer faults, nodes and clients, a shorter time, a lower rate and
//! no latency, and starts again from each that fails. At the end the smallest test runs a few more
//! times, from seeds that the search did not use, for the confidence with which it fails ([`confidence`]).

#![expect(
    clippy::disallowed_methods,
    reason = "the search takes real time, and ends after some of it"
)]

mod confidence;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::console::Verbosity;
use super::options::{TestOptions, TestPlan};
use super::perform::{Finished, counted, perform};
use super::values::{Concurrency, FaultNames};
use crate::Workbench;
use crate::net::Distribution;
use crate::seed::Seed;
use confidence::lower_bound;

/// The runs of a smaller test, and how many of them must fail.
const TRIALS: u64 = 3;
const NEEDED: u64 = 2;

/// The runs of the smallest test on which the confidence rests.
const FINAL_TRIALS: u64 = 5;

/// The confidence of the bound that is printed.
const CONFIDENCE: f64 = 0.95;

/// The smallest test that fails, and how often it failed.
pub(super) struct Smallest {
    /// The last run of it that failed.
    pub(super) finished: Finished,
    trials: u64,
    failed: u64,
    runs: u64,
}

/// Looks for the smallest test that fails as `finished` did, whose run had the seed `seed`. It is the
/// test of that run if the search finds no smaller one.
pub(super) fn shrink(
    plan: &TestPlan,
    seed: Seed,
    finished: Finished,
    bench: &Workbench,
) -> Smallest {
    let deadline = Instant::now() + Duration::from_secs(plan.options.shrink_for);
    let mut search = Search {
        wanted: finished.results.failures(),
        seed,
        deadline,
        is_interrupted: false,
        runs: 0,
    };
    say(&format!(
        "looking for the smallest test that fails with {}: a smaller test must fail in {NEEDED} of \
         {TRIALS} runs, and new ones are tried for {} s (--shrink-for)",
        list(&search.wanted),
        plan.options.shrink_for
    ));
    let mut smallest = plan.clone();
    let mut last = finished;
    'search: loop {
        for (change, options) in smaller(&smallest) {
            let Ok(candidate) = options.plan(bench) else {
                continue;
            };
            if search.is_over() {
                break 'search;
            }
            let trials = search.try_out(&candidate);
            say(&format!("{change}: {}", trials.text()));
            if let (true, Some(failure)) = (trials.are_enough(), trials.last) {
                smallest = candidate;
                last = failure;
                continue 'search;
            }
        }
        break;
    }
    let mut trials = Trials::default();
    if !search.is_interrupted {
        say(&format!(
            "running the smallest test {FINAL_TRIALS} times, from other seeds"
        ));
        trials = search.measure(&smallest);
    }
    Smallest {
        finished: trials.last.unwrap_or(last),
        trials: trials.count,
        failed: trials.failed,
        runs: search.runs,
    }
}

impl Smallest {
    /// Returns how surely the smallest test fails, in a line.
    pub(super) fn confidence(&self) -> String {
        let runs = counted(self.runs as usize, "run");
        if self.trials == 0 {
            return format!("SHRUNK in {runs}, until the search was interrupted:");
        }
        let bound = lower_bound(self.failed, self.trials, 1.0 - CONFIDENCE);
        format!(
            "SHRUNK in {runs}. The smallest test failed {} of {} times; with {:.0} % confidence it fails \
             in at least {:.0} % of runs:",
            self.failed,
            self.trials,
            100.0 * CONFIDENCE,
            100.0 * bound
        )
    }
}

/// The search for the smallest test.
struct Search {
    /// The failures of the first run; a run with any of them fails in the same way.
    wanted: BTreeSet<String>,
    seed: Seed,
    deadline: Instant,
    is_interrupted: bool,
    runs: u64,
}

/// Several runs of one test.
#[derive(Default)]
struct Trials {
    count: u64,
    failed: u64,
    /// The last run that failed.
    last: Option<Finished>,
}

impl Trials {
    fn are_enough(&self) -> bool {
        self.failed >= NEEDED
    }

    fn text(&self) -> String {
        let kept = match self.are_enough() {
            true => "kept",
            false => "not kept",
        };
        format!("failed {} of {} times, {kept}", self.failed, self.count)
    }
}

impl Search {
    fn is_over(&self) -> bool {
        self.is_interrupted || Instant::now() >= self.deadline
    }

    /// Runs a smaller test until it has failed often enough, or can no longer.
    fn try_out(&mut self, plan: &TestPlan) -> Trials {
        let mut trials = Trials::default();
        while !self.is_interrupted
            && !trials.are_enough()
            && trials.failed + (TRIALS - trials.count) >= NEEDED
        {
            let offset = trials.count;
            self.run(plan, offset, &mut trials);
        }
        trials
    }

    /// Runs the smallest test from seeds that its choice does not depend on.
    fn measure(&mut self, plan: &TestPlan) -> Trials {
        let mut trials = Trials::default();
        while !self.is_interrupted && trials.count < FINAL_TRIALS {
            let offset = TRIALS + trials.count;
            self.run(plan, offset, &mut trials);
        }
        trials
    }

    fn run(&mut self, plan: &TestPlan, offset: u64, trials: &mut Trials) {
        self.runs += 1;
        trials.count += 1;
        let seed = Seed(self.seed.0.wrapping_add(offset));
        // A run that breaks off fails in another way.
        let Ok(finished) = perform(plan, seed, Verbosity::Quiet) else {
            return;
        };
        self.is_interrupted |= finished.is_interrupted;
        if !finished.results.failures().is_disjoint(&self.wanted) {
            trials.failed += 1;
            trials.last = Some(finished);
        }
    }
}

/// Returns tests that are smaller by one option, the greatest steps first, with what was changed.
fn smaller(plan: &TestPlan) -> Vec<(String, TestOptions)> {
    let (options, settings) = (&plan.options, &plan.settings);
    let mut candidates = Vec::new();
    let mut add = |change: String, edit: &dyn Fn(&mut TestOptions)| {
        let mut options = options.clone();
        edit(&mut options);
        candidates.push((change, options));
    };
    for limit in steps(options.time_limit) {
        add(format!("{limit} s"), &|options| options.time_limit = limit);
    }
    let faults = options.faults();
    for fault in &faults {
        let left: Vec<String> = faults
            .iter()
            .filter(|name| *name != fault)
            .cloned()
            .collect();
        add(format!("without the fault {fault}"), &|options| {
            options.nemesis = Some(FaultNames(left.clone()));
        });
    }
    for count in steps(settings.nodes.len() as u64) {
        add(counted(count as usize, "node"), &|options| {
            options.node_count = None;
            options.nodes = None;
            options.nodes_file = None;
            options.node = settings.nodes[..count as usize].to_vec();
        });
    }
    for count in steps(settings.concurrency as u64) {
        add(counted(count as usize, "client"), &|options| {
            options.concurrency = Some(Concurrency::total(count as usize));
        });
    }
    if options.latency > 0 {
        add("no latency".to_owned(), &|options| {
            options.latency = 0;
            options.latency_dist = Distribution::Constant;
        });
    }
    if options.rate >= 2.0 {
        let rate = (options.rate / 2.0).floor();
        add(format!("{rate} operations a second"), &|options| {
            options.rate = rate
        });
    }
    candidates
}

/// Returns smaller numbers to try instead of a number: its half, and one less.
fn steps(number: u64) -> Vec<u64> {
    let mut steps = vec![number / 2, number - 1];
    steps.dedup();
    steps.retain(|&step| step > 0);
    steps
}

fn list(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn say(text: &str) {
    eprintln!("shrinking: {text}");
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::workload_args::parse_test;

    #[test]
    fn smaller_tests_differ_in_one_option() {
        let bench = Workbench::new();
        let words = "--bin node -w broadcast --node-count 5 --nemesis partition,kill --latency 10 \
                     --rate 100 --time-limit 20";
        let words = words.split_whitespace().map(OsString::from);
        let plan = parse_test(words, &bench.workloads)
            .unwrap()
            .plan(&bench)
            .unwrap();
        let changes: Vec<String> = smaller(&plan)
            .into_iter()
            .map(|(change, _)| change)
            .collect();
        assert_eq!(
            changes,
            [
                "10 s",
                "19 s",
                "without the fault partition",
                "without the fault kill",
                "2 nodes",
                "4 nodes",
                "2 clients",
                "4 clients",
                "no latency",
                "50 operations a second",
            ]
        );
        let (_, without) = smaller(&plan).swap_remove(4);
        let plan = without.plan(&bench).unwrap();
        assert_eq!(plan.settings.nodes, ["n0", "n1"]);
    }

    #[test]
    fn smallest_number_has_no_smaller_one() {
        assert!(steps(1).is_empty());
        assert_eq!(steps(2), [1]);
        assert_eq!(steps(9), [4, 8]);
    }
}
