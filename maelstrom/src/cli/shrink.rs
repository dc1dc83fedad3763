//! `eddy test --shrink`: the smallest test in which a node program still fails.
//!
//! Runs on real processes do not repeat exactly, so a smaller test counts as failing if it fails in
//! the same way in [`NEEDED`] of [`TRIALS`] runs. The search is greedy: from the smallest test so far
//! it tries, one option at a time, fewer faults, nodes and clients, a shorter time, a lower rate and
//! no latency, and starts again from each that fails. At the end the smallest test runs a few more
//! times, for the confidence with which it fails.

#![expect(
    clippy::disallowed_methods,
    reason = "the search takes real time, and ends after some of it"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::console::Verbosity;
use super::options::{TestOptions, TestPlan};
use super::perform::{Finished, counted, perform};
use super::values::{Concurrency, FaultNames};
use crate::Workbench;
use crate::net::Distribution;
use crate::seed::Seed;

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

/// Looks for the smallest test that fails as `finished` did, whose run had the seed `seed`. `None` if
/// the user interrupted the search before there was one.
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
            let trials = search.trials(&candidate, TRIALS, NEEDED);
            say(&format!("{change}: {}", trials.text(NEEDED)));
            if let (true, Some(failure)) = (trials.failed >= NEEDED, trials.last) {
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
            "nothing smaller was found; running the smallest test {FINAL_TRIALS} times"
        ));
        trials = search.trials(&smallest, FINAL_TRIALS, FINAL_TRIALS);
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
    fn text(&self, needed: u64) -> String {
        let kept = if self.failed >= needed {
            "kept"
        } else {
            "not kept"
        };
        format!("failed {} of {} times, {kept}", self.failed, self.count)
    }
}

impl Search {
    fn is_over(&self) -> bool {
        self.is_interrupted || Instant::now() >= self.deadline
    }

    /// Performs up to `count` runs; no more once `needed` have failed, or can no longer fail.
    fn trials(&mut self, plan: &TestPlan, count: u64, needed: u64) -> Trials {
        let mut trials = Trials::default();
        for round in 0..count {
            let left = count - round;
            // The last trials, of which all should fail, are about how many do.
            let is_decided = trials.failed >= needed || trials.failed + left < needed;
            if self.is_interrupted || (needed < count && is_decided) {
                break;
            }
            let seed = Seed(self.seed.0.wrapping_add(round));
            self.runs += 1;
            trials.count += 1;
            // A run that breaks off fails in another way.
            let Ok(finished) = perform(plan, seed, Verbosity::Quiet) else {
                continue;
            };
            self.is_interrupted |= finished.is_interrupted;
            if !finished.results.failures().is_disjoint(&self.wanted) {
                trials.failed += 1;
                trials.last = Some(finished);
            }
        }
        trials
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

/// Returns the greatest p such that at least `failed` of `trials` runs fail with a probability of at
/// most `alpha` if each fails with probability p: the lower bound of Clopper and Pearson (1934).
fn lower_bound(failed: u64, trials: u64, alpha: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match at_least(failed, trials, middle) <= alpha {
            true => low = middle,
            false => high = middle,
        }
    }
    if failed == 0 { 0.0 } else { low }
}

/// Returns the probability that at least `failed` of `trials` runs fail.
fn at_least(failed: u64, trials: u64, p: f64) -> f64 {
    let choose = |k: u64| (0..k).fold(1.0, |c, i| c * (trials - i) as f64 / (i + 1) as f64);
    let exactly = |k: u64| choose(k) * p.powi(k as i32) * (1.0 - p).powi((trials - k) as i32);
    (failed..=trials).map(exactly).sum()
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
    fn bound_is_that_of_clopper_and_pearson() {
        for (failed, trials, expected) in [(5, 5, 0.549), (4, 5, 0.343), (2, 3, 0.135), (0, 5, 0.0)]
        {
            let bound = lower_bound(failed, trials, 0.05);
            assert!(
                (bound - expected).abs() < 0.001,
                "{failed} of {trials}: {bound}"
            );
        }
    }

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
