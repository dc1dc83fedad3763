//! Many seeds of one scenario.
//!
//! `SEED=7319` replays one, `SEEDS=1000` widens; the default is a small fixed range. Seeds run in
//! parallel on all cores. A failure names its seed and the command that replays it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::Run;
use crate::seed::Seed;

/// So many seeds are tried unless `SEEDS` or `SEED` says otherwise.
const SEEDS_DEFAULT: u64 = 10;

/// What the runs of one scenario add up to.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    runs: u64,
    virtual_time: Duration,
    messages: u64,
    dropped: u64,
    lost: u64,
    duplicated: u64,
    delayed: u64,
    kills: u64,
    pauses: u64,
}

thread_local! {
    /// What the current thread's runs add up to since it began its seed.
    static TALLY: RefCell<Tally> = RefCell::default();
}

/// Counts a run towards its scenario.
pub(super) fn tally(run: &Run) {
    TALLY.with_borrow_mut(|tally| {
        let net = run.net();
        tally.runs += 1;
        tally.virtual_time += run.virtual_time();
        tally.messages += run.journal().all().sent;
        tally.dropped += net.dropped;
        tally.lost += net.lost;
        tally.duplicated += net.duplicated;
        tally.delayed += net.delayed;
        tally.kills += run.kills() as u64;
        tally.pauses += run.pauses() as u64;
    });
}

/// Runs a scenario for every seed of the range that `SEED` or `SEEDS` asks for.
///
/// # Panics
///
/// If the scenario does, for the smallest seed for which it did among those tried.
pub fn for_each_seed(scenario: impl Fn(Seed) + Sync) {
    for_seeds(SEEDS_DEFAULT, scenario);
}

/// As [`for_each_seed`], with another number of seeds by default: for long scenarios.
///
/// # Panics
///
/// If the scenario does.
pub fn for_seeds(count: u64, scenario: impl Fn(Seed) + Sync) {
    if let Some(seed) = number_from_env("SEED") {
        scenario(Seed(seed));
        report(&TALLY.take(), None);
        return;
    }
    let count = number_from_env("SEEDS").unwrap_or(count);
    let name = std::thread::current()
        .name()
        .unwrap_or("scenario")
        .to_owned();
    let bar = progress_bar(count, &name);
    let next = AtomicU64::new(0);
    let total = Mutex::new(Tally::default());
    let failure = Mutex::new(None);
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a simulation takes is told to people"
    )]
    let begin = Instant::now();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= count || failure.lock().expect("nobody panics here").is_some() {
                break;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| scenario(Seed(seed))));
            let tally = TALLY.take();
            total.lock().expect("nobody panics here").add(&tally);
            if let Err(panic) = outcome {
                let mut failure = failure.lock().expect("nobody panics here");
                if failure.as_ref().is_none_or(|(first, _)| seed < *first) {
                    *failure = Some((seed, panic));
                }
            }
            bar.inc(1);
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 1..workers {
            // Named as the test, so that a panic's message names it.
            let thread = std::thread::Builder::new().name(name.clone());
            thread
                .spawn_scoped(scope, work)
                .expect("a thread can be spawned");
        }
        work();
    });
    bar.finish_and_clear();
    let total = total.into_inner().expect("nobody panics here");
    let failure = failure.into_inner().expect("nobody panics here");
    report(&total, Some((&name, begin.elapsed(), failure.is_none())));
    if let Some((seed, panic)) = failure {
        eprintln!("\nreplay: SEED={seed} cargo test --workspace {name} -- --exact --nocapture");
        resume_unwind(panic);
    }
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.runs += other.runs;
        self.virtual_time += other.virtual_time;
        self.messages += other.messages;
        self.dropped += other.dropped;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.delayed += other.delayed;
        self.kills += other.kills;
        self.pauses += other.pauses;
    }

    fn faults(&self) -> String {
        let faults = [
            (self.dropped, "dropped"),
            (self.lost, "lost"),
            (self.duplicated, "duplicated"),
            (self.delayed, "delayed"),
            (self.kills, "kills"),
            (self.pauses, "pauses"),
        ];
        let struck: Vec<String> = faults
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| format!("{count} {name}"))
            .collect();
        if struck.is_empty() {
            "no faults".to_owned()
        } else {
            struck.join(", ")
        }
    }
}

/// One line about a scenario, if `make sim` asks for it.
fn report(tally: &Tally, scenario: Option<(&str, Duration, bool)>) {
    let Some((name, wall, passed)) = scenario else {
        return;
    };
    if std::env::var_os("SIM_REPORT").is_none() {
        return;
    }
    let verdict = if passed { "passed" } else { "FAILED" };
    eprintln!(
        "{name:<68} {:>5} runs  {:>8.0} s virtual  {:>6.1} s wall  {:>9} messages  {verdict}  {}",
        tally.runs,
        tally.virtual_time.as_secs_f64(),
        wall.as_secs_f64(),
        tally.messages,
        tally.faults(),
    );
}

fn progress_bar(count: u64, name: &str) -> ProgressBar {
    if std::env::var_os("SIM_REPORT").is_none() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} seeds")
        .expect("the template is well-formed");
    // Indicatif draws nothing where there is no terminal.
    ProgressBar::new(count)
        .with_style(style)
        .with_message(name.to_owned())
}

fn number_from_env(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, not {text}")),
    )
}
