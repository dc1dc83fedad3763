//! What the runs of one scenario add up to: how much was simulated, and what went wrong in it.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use super::Run;
use crate::seed::Seed;

/// The sums over the runs of a scenario.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Runs.
    pub runs: u64,
    /// How much time passed for the nodes.
    pub virtual_time: Duration,
    /// Messages that a partition kept from arriving.
    pub dropped: u64,
    /// Messages lost.
    pub lost: u64,
    /// Messages that came twice.
    pub duplicated: u64,
    /// Messages held back.
    pub delayed: u64,
    /// Nodes killed.
    pub kills: u64,
    /// Nodes paused.
    pub pauses: u64,
    /// How often wall clocks were set off.
    pub clock_bumps: u64,
}

/// The runs of the current thread since it began its seed.
#[derive(Default)]
struct Latest {
    tally: Totals,
    /// What the last of them was to do.
    description: Option<String>,
}

thread_local! {
    static LATEST: RefCell<Latest> = RefCell::default();
}

/// Says what the current thread is about to simulate: at once if somebody is watching a single
/// seed, and otherwise in case that it comes to no good end.
pub(super) fn announce(seed: Seed, description: &str) {
    if std::env::var_os("EDDY_SEED").is_some() {
        eprintln!("seed {seed}: {description}");
    }
    LATEST.with_borrow_mut(|latest| latest.description = Some(description.to_owned()));
}

/// Counts a run of the current thread.
pub(super) fn count(run: &Run) {
    LATEST.with_borrow_mut(|latest| latest.tally.add(&Totals::of(run)));
}

/// What the current thread has simulated since it was last asked, and what its last run was to do.
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
            // The history holds both what was asked for and what came of it.
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
    /// The faults that struck: `104 dropped, 3 kills`.
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
        let struck: Vec<String> = faults
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| format!("{count} {name}"))
            .collect();
        if struck.is_empty() {
            f.write_str("no faults")
        } else {
            f.write_str(&struck.join(", "))
        }
    }
}
