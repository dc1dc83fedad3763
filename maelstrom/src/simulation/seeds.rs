//! Many seeds of one scenario.
//!
//! `EDDY_SEED=7319` replays one, `EDDY_SEEDS=1000` widens; the default is a small fixed range.
//! `EDDY_SHARD=3/16` performs the third of sixteen parts, and `EDDY_RESULTS=FILE` appends the outcome of
//! each scenario as a line of JSON. Seeds run in parallel on all cores. A failure names its seed and the
//! command that replays it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::reduction::Reduction;
use super::scenario::{Failure, Scenario};
use super::shard::Shard;
use super::shrink::{self, Smallest};
use super::tally::{self, Totals};
use super::trial;
use super::watchdog::Watchdog;
use crate::seed::Seed;

/// The number of seeds if neither `EDDY_SEEDS` nor `EDDY_SEED` is set.
const DEFAULT_SEEDS: u64 = 5;

/// A seed for which the scenario panicked, with the description of its last run.
struct Panicked {
    seed: u64,
    description: Option<String>,
    /// The number of runs of the scenario until then.
    runs: u64,
    panic: Box<dyn Any + Send>,
}

/// Runs a scenario for every seed of the range that `EDDY_SEED` or `EDDY_SEEDS` asks for.
///
/// # Panics
///
/// If the scenario does, for the smallest seed for which it does.
pub fn for_each_seed(scenario: impl Fn(Seed) + Sync) -> Totals {
    for_seeds(DEFAULT_SEEDS, scenario)
}

/// As [`for_each_seed`], with another number of seeds by default: for long scenarios.
///
/// # Panics
///
/// If the scenario does.
pub fn for_seeds(count: u64, scenario: impl Fn(Seed) + Sync) -> Totals {
    let described = Scenario::current();
    let seeds = match number_from_env("EDDY_SEED") {
        Some(seed) => vec![seed],
        None => {
            let count = number_from_env("EDDY_SEEDS").unwrap_or(count);
            Shard::from_env().seeds(&described.name, 0..count)
        }
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the report shows how long a simulation takes"
    )]
    let begin = Instant::now();
    let replayed = replayed_reduction();
    let is_replay = replayed.is_some();
    let (total, panicked) = match replayed {
        Some(reduction) => {
            trial::with_reduction(reduction, || run_all(&seeds, &described, &scenario))
        }
        None => run_all(&seeds, &described, &scenario),
    };
    let smallest = panicked
        .as_ref()
        .filter(|_| !is_replay)
        .and_then(|panicked| smallest(panicked, &scenario));
    let failure = panicked.as_ref().map(|panicked| Failure {
        seed: Seed(panicked.seed),
        message: message(panicked.panic.as_ref()),
        description: panicked.description.as_deref(),
        smallest: smallest.as_ref(),
    });
    described.end(&total, begin.elapsed(), failure);
    if let Some(Panicked { panic, .. }) = panicked {
        resume_unwind(panic);
    }
    total
}

/// Returns the reduction that `EDDY_SHRUNK` asks for.
fn replayed_reduction() -> Option<Reduction> {
    let token = std::env::var("EDDY_SHRUNK").ok()?;
    assert!(
        std::env::var_os("EDDY_SEED").is_some(),
        "EDDY_SHRUNK needs EDDY_SEED, the seed that was shrunk"
    );
    let reduction = token.parse();
    Some(reduction.unwrap_or_else(|problem| panic!("EDDY_SHRUNK: {problem}")))
}

/// Returns the smallest run that fails as a seed's last run did, if that failed by its verdict.
fn smallest(panicked: &Panicked, scenario: &impl Fn(Seed)) -> Option<Smallest> {
    let run = panicked.runs.checked_sub(1)?;
    let seed = Seed(panicked.seed);
    shrink::smallest(run, shrink::budget(), &|| scenario(seed))
}

/// Runs all seeds, or until one fails. Seeds begin in order, and those that have begun are finished,
/// so that the failure is that of the smallest seed that fails.
fn run_all(
    seeds: &[u64],
    described: &Scenario,
    scenario: &(impl Fn(Seed) + Sync),
) -> (Totals, Option<Panicked>) {
    let bar = described.progress_bar(seeds.len() as u64);
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Totals::default());
    let failure: Mutex<Option<Panicked>> = Mutex::new(None);
    let watchdog = Watchdog::default();
    let work = || {
        loop {
            let seed = seeds.get(next.fetch_add(1, Ordering::Relaxed)).copied();
            let has_failed = failure
                .lock()
                .expect("the lock is not held while a scenario runs")
                .is_some();
            let Some(seed) = seed.filter(|_| !has_failed) else {
                break;
            };
            watchdog.begin(seed);
            let outcome = catch_unwind(AssertUnwindSafe(|| scenario(Seed(seed))));
            watchdog.end(seed);
            let (tally, description) = tally::take();
            total
                .lock()
                .expect("the lock is not held while a scenario runs")
                .add(&tally);
            if let Err(panic) = outcome {
                let mut failure = failure
                    .lock()
                    .expect("the lock is not held while a scenario runs");
                if failure.as_ref().is_none_or(|first| seed < first.seed) {
                    *failure = Some(Panicked {
                        seed,
                        description,
                        runs: tally.runs,
                        panic,
                    });
                }
            }
            bar.inc(1);
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = seeds.len().min(cores);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if let Some(seed) = watchdog.watch() {
                described.give_up(Seed(seed));
            }
        });
        std::thread::scope(|scope| {
            for _ in 1..workers {
                // Named as the test, so that a panic's message names it.
                let thread = std::thread::Builder::new().name(described.name.clone());
                thread
                    .spawn_scoped(scope, work)
                    .expect("a thread can be spawned");
            }
            work();
        });
        watchdog.dismiss();
    });
    bar.finish_and_clear();
    let total = total
        .into_inner()
        .expect("the lock is not held while a scenario runs");
    (
        total,
        failure
            .into_inner()
            .expect("the lock is not held while a scenario runs"),
    )
}

/// Returns the message of a panic.
fn message(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal
        .or(panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it panicked without a message")
}

/// Returns the number in an environment variable, if it is set.
pub(super) fn number_from_env(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, not {text}")),
    )
}
