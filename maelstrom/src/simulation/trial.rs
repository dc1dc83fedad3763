//! A run of a scenario with parts of it left out.
//!
//! A scenario is a closure that performs runs of its own, so the runs are reached from inside: a
//! [trial](Trial) of the current thread tells [`Simulation::run`] what to leave out.
//!
//! [`Simulation::run`]: super::Simulation::run

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::Duration;

use super::reduction::Reduction;
use super::{Run, story};
use crate::decisions::DecisionCounts;

/// What a trial observes of a reduced run.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    /// The kinds of failure: the anomalies that the workload's checker found, or that the run broke
    /// off. Empty if the run is valid.
    pub(super) failures: BTreeSet<String>,
    pub(super) decisions: DecisionCounts,
    pub(super) nodes: usize,
    pub(super) clients: usize,
    pub(super) time_limit: Duration,
    pub(super) has_scripts: bool,
    /// What the run cost: its messages and operations.
    pub(super) cost: u64,
    /// What happened, and the path of the page, if the trial asks for a report.
    pub(super) report: Option<(String, Vec<String>, Option<String>)>,
}

/// What a run of the current thread is to leave out.
struct Trial {
    reduction: Reduction,
    /// The number of runs that the scenario began.
    begun: u64,
    /// Whether the scenario ends with the reduced run, which is only observed.
    is_probe: bool,
    /// Whether to return the story of the run and to write its page.
    is_reported: bool,
    observed: Option<Observed>,
}

thread_local! {
    static TRIAL: RefCell<Option<Trial>> = const { RefCell::new(None) };
}

/// The payload with which a probe leaves its scenario.
struct ProbeIsOver;

/// Returns what the run that begins now is to leave out, if anything.
pub(super) fn next_reduction() -> Option<Reduction> {
    TRIAL.with_borrow_mut(|trial| {
        let trial = trial.as_mut()?;
        let number = trial.begun;
        trial.begun += 1;
        (number == trial.reduction.run).then(|| trial.reduction.clone())
    })
}

/// Whether the current thread only observes a run.
pub(super) fn is_probing() -> bool {
    TRIAL.with_borrow(|trial| trial.as_ref().is_some_and(|trial| trial.is_probe))
}

/// Notes a reduced run that is over, and ends the scenario if it is a probe.
pub(super) fn observe(run: &Run, has_scripts: bool) {
    let is_probe = TRIAL.with_borrow_mut(|trial| {
        let trial = trial.as_mut().expect("a reduced run belongs to a trial");
        let report = trial.is_reported.then(|| report(run));
        trial.observed = Some(Observed {
            report,
            ..Observed::of(run, has_scripts)
        });
        trial.is_probe
    });
    if is_probe {
        leave();
    }
}

/// Ends the scenario of a probe.
pub(super) fn leave() -> ! {
    // Does not call the panic hook, so nothing is printed.
    resume_unwind(Box::new(ProbeIsOver))
}

/// Calls a scenario in which one run is reduced.
pub(super) fn with_reduction<T>(reduction: Reduction, scenario: impl FnOnce() -> T) -> T {
    enter(reduction, false, false);
    let result = catch_unwind(AssertUnwindSafe(scenario));
    TRIAL.take();
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

fn enter(reduction: Reduction, is_probe: bool, is_reported: bool) {
    TRIAL.set(Some(Trial {
        reduction,
        begun: 0,
        is_probe,
        is_reported,
        observed: None,
    }));
}

/// Performs one reduced run of a scenario. Returns `None` if the scenario ended before it.
pub(super) fn probe(
    reduction: Reduction,
    is_reported: bool,
    scenario: &dyn Fn(),
) -> Option<Observed> {
    enter(reduction, true, is_reported);
    let ended: Result<(), Box<dyn Any + Send>> = catch_unwind(AssertUnwindSafe(scenario));
    drop(ended);
    super::tally::take();
    TRIAL.take().and_then(|trial| trial.observed)
}

/// Describes and tells a run, and writes its page. Returns the three; no page if it cannot be written.
fn report(run: &Run) -> (String, Vec<String>, Option<String>) {
    let root = std::env::var_os("EDDY_REPORT_DIR").unwrap_or_else(|| "store".into());
    let page = run.write_report(Path::new(&root));
    let page = page.map_or_else(
        |error| format!("not written: {error:#}"),
        |page| page.display().to_string(),
    );
    (run.description().to_owned(), story(run), Some(page))
}

impl Observed {
    fn of(run: &Run, has_scripts: bool) -> Observed {
        let settings = run.settings();
        Observed {
            failures: failures(run),
            decisions: run.decisions(),
            nodes: settings.nodes.len(),
            clients: settings.concurrency,
            time_limit: settings.time_limit,
            has_scripts,
            cost: run.journal().all().sent + run.operations() as u64,
            report: None,
        }
    }
}

/// Returns how a run failed by its verdict.
fn failures(run: &Run) -> BTreeSet<String> {
    match run.failure() {
        Some(_) => ["broke off".to_owned()].into(),
        None => run.results().workload_failures(),
    }
}
