//! The sums over the runs of one scenario: how much was simulated, and which faults had an effect.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use super::Run;
use crate::seed::Seed;

/// The sums over the runs of a scenario.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Totals {
    /// The number of runs.
    pub runs: u64,
    /// The time that passed for the nodes.
    pub virtual_time: Duration,
    /// Messages dropped by a partition.
    pub dropped: u64,
    /// Messages lost.
    pub lost: u64,
    /// Messages delivered twice.
    pub duplicated: u64,
    /// Messages held back, or slowed down.
    pub delayed: u64,
    /// How often a node was killed.
    pub kills: u64,
    /// How often a node was paused.
    pub pauses: u64,
    /// How often wall clocks were changed.
    pub clock_bumps: u64,
}

/// The runs of the current thread since it began its seed.
#[derive(Default)]
struct Latest {
    tally: Totals,
    /// The description of the last run.
    description: Option<String>,
}

thread_local! {
    static LATEST: RefCell<Latest> = RefCell::default();
}

/// Notes the description of the run that the current thread begins, for the report if it fails. It is
/// printed at once if a single seed is replayed.
pub(super) fn announce(seed: Seed, description: &str) {
    if std::env::var_os("EDDY_SEED").is_some() && !super::trial::is_probing() {
        eprintln!("seed {seed}: {description}");
    }
    LATEST.with_borrow_mut(|latest| latest.description = Some(description.to_owned()));
}

/// Counts a run of the current thread.
pub(super) fn count(run: &Run) {
    LATEST.with_borrow_mut(|latest| latest.tally.add(&Totals::of(run)));
}

/// Returns the sums over the runs of the current thread since the last call, and the description of
/// its last run.
pub(super) fn take() -> (Totals, Option<String>) {
    let Latest { tally, description } = LATEST.take();
    (tally, description)
}

impl Totals {
    fn of(run: &Run) -> Totals {
        let net = run.net();
        let bumps = run.history().iter().filter(|op| op.f == "bump-clock");
        Totals {
            runs: 1,
            virtual_time: run.virtual_time(),
            dropped: net.dropped,
            lost: net.lost,
            duplicated: net.duplicated,
            delayed: net.delayed,
            kills: run.kills() as u64,
            pauses: run.pauses() as u64,
            // The history holds both the request and the result of each change.
            clock_bumps: bumps.count() as u64 / 2,
        }
    }

    pub(super) fn add(&mut self, other: &Totals) {
        self.runs += other.runs;
        self.virtual_time += other.virtual_time;
        self.dropped += other.dropped;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.delayed += other.delayed;
        self.kills += other.kills;
        self.pauses += other.pauses;
        self.clock_bumps += other.clock_bumps;
    }
}

impl fmt::Display for Totals {
    /// Writes the faults that had an effect, such as `104 dropped, 3 kills`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = [
            (self.dropped, "dropped"),
            (self.lost, "lost"),
            (self.duplicated, "duplicated"),
            (self.delayed, "delayed"),
            (self.kills, "kills"),
            (self.pauses, "pauses"),
            (self.clock_bumps, "clock bumps"),
        ];
        let effective: Vec<String> = faults
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| format!("{count} {name}"))
            .collect();
        if effective.is_empty() {
            f.write_str("no faults")
        } else {
            f.write_str(&effective.join(", "))
        }
    }
}
