//! The smallest run that fails in the same way.
//!
//! A failing run is repeated with parts of it left out: faults, time, nodes, clients, operations,
//! affected messages. What still fails is kept and reduced further, lists by delta debugging (Zeller
//! and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002). Everything is
//! deterministic; the search ends when nothing smaller fails, or its budget is used up.
//!
//! A [trial](super::trial) performs one reduced run.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Run;
use super::reduction::Reduction;
use super::trial::{Observed, probe, with_reduction};
use crate::decisions::{DecisionCounts, Kept};

/// The cost of a search in multiples of the failing run's cost, unless `EDDY_SHRINK` says otherwise.
const DEFAULT_BUDGET: u64 = 60;

/// The most rounds of the search; a round may make room for another.
const ROUNDS_MAX: usize = 3;

/// The smallest run that was found to fail in the same way as another.
pub(super) struct Smallest {
    /// What is left of the run.
    pub(super) reduction: Reduction,
    /// How many runs the search took.
    pub(super) trials: u64,
    /// The run in one line.
    pub(super) description: String,
    /// What happened in it.
    pub(super) story: Vec<String>,
    /// The path of its page, if one was written.
    pub(super) page: Option<String>,
}

/// Returns the number in `EDDY_SHRINK`, the budget of a search in multiples of the failing run's cost;
/// 0 for no search.
pub(super) fn budget() -> u64 {
    super::seeds::number_from_env("EDDY_SHRINK").unwrap_or(DEFAULT_BUDGET)
}

/// Makes the failing run of a scenario smaller, tells it, and writes its page to the store that
/// `EDDY_REPORT_DIR` names, by default `store`. Returns `None` if the run's verdict is not what failed,
/// or without a budget.
pub(super) fn smallest(run: u64, budget: u64, scenario: &dyn Fn()) -> Option<Smallest> {
    let (reduction, trials) = search(run, budget, scenario)?;
    let told = probe(reduction.clone(), true, scenario)?;
    let (description, story, page) = told.report?;
    Some(Smallest {
        reduction,
        trials,
        description,
        story,
        page,
    })
}

/// Repeats a failing run with ever more left out, and returns the smallest run that was found to fail
/// in the same way, with all its messages recorded. `None` if the run is valid.
///
/// The runs together cost at most `budget` times as many messages and operations as the first.
/// `perform` must perform the same run whenever it is called.
///
/// ```
/// # use eddy::simulation::{Load, Run, Simulation, secs, shrink, story};
/// # use eddy::workload::Echo;
/// # use serde_json::{Value, json};
/// # #[derive(Clone)]
/// # struct Wrong;
/// # impl glomers::Node for Wrong {
/// #     type Request = Value;
/// #     type Reply = Value;
/// #     async fn handle(&self, _: Value, _: &glomers::Context) -> glomers::Result<Value> {
/// #         Ok(json!({"type": "echo_ok", "echo": "something else"}))
/// #     }
/// # }
/// let perform = || -> Run {
///     let load = Load::of(Echo).rate(50.0).time_limit(secs(5));
///     Simulation::new(1).nodes(3, |_: &glomers::Context| Wrong).run(load)
/// };
/// let smallest = shrink(60, perform).expect("the run is not valid");
/// assert_eq!(story(&smallest).len(), 1);
/// ```
pub fn shrink(budget: u64, perform: impl Fn() -> Run) -> Option<Run> {
    let scenario = || drop(perform());
    let (reduction, _) = search(0, budget, &scenario)?;
    Some(with_reduction(reduction, perform))
}

/// Returns the smallest reduction with which the scenario's run of this number fails as it does
/// without, and the number of trials.
fn search(run: u64, budget: u64, scenario: &dyn Fn()) -> Option<(Reduction, u64)> {
    if budget == 0 {
        return None;
    }
    let whole = Reduction {
        run,
        ..Reduction::default()
    };
    let observed = probe(whole.clone(), false, scenario)?;
    if observed.failures.is_empty() {
        return None;
    }
    let mut search = Search {
        scenario,
        failures: observed.failures.clone(),
        left: observed.cost.saturating_mul(budget),
        trials: 0,
        best: whole,
        observed,
    };
    for _ in 0..ROUNDS_MAX {
        let before = search.best.clone();
        search.round();
        if search.best == before {
            break;
        }
    }
    Some((search.best, search.trials))
}

/// A search for a smaller run.
struct Search<'a> {
    scenario: &'a dyn Fn(),
    /// How the original run failed.
    failures: BTreeSet<String>,
    /// The cost that may still be spent.
    left: u64,
    trials: u64,
    best: Reduction,
    /// What was observed of the best run.
    observed: Observed,
}

impl Search<'_> {
    fn round(&mut self) {
        self.reduce_list(|reduction| &mut reduction.faults, |it| it.faults);
        self.reduce_time();
        self.reduce_nodes();
        self.reduce_clients();
        self.reduce_list(|reduction| &mut reduction.operations, |it| it.operations);
        self.reduce_list(|reduction| &mut reduction.messages, |it| it.messages);
    }

    /// Tries a smaller run, and keeps it if it fails in the same way: with no anomaly that the
    /// original run does not have.
    fn try_out(&mut self, candidate: Reduction) -> bool {
        if self.left == 0 || candidate == self.best {
            return false;
        }
        self.trials += 1;
        let Some(observed) = probe(candidate.clone(), false, self.scenario) else {
            self.left -= 1;
            return false;
        };
        self.left = self.left.saturating_sub(observed.cost.max(1));
        let is_same = !observed.failures.is_empty() && observed.failures.is_subset(&self.failures);
        if is_same {
            (self.best, self.observed) = (candidate, observed);
        }
        is_same
    }

    fn reduce_time(&mut self) {
        let limit = self.observed.time_limit;
        for part in [0.03, 0.06, 0.12, 0.25, 0.5, 0.75] {
            // Whole milliseconds, as the token has them.
            let shorter = Duration::from_millis(limit.mul_f64(part).as_millis() as u64);
            let candidate = Reduction {
                time_limit: Some(shorter),
                ..self.best.clone()
            };
            if self.try_out(candidate) {
                return;
            }
        }
    }

    fn reduce_nodes(&mut self) {
        // A script names nodes by their number.
        let least = if self.observed.has_scripts {
            usize::MAX
        } else {
            1
        };
        for count in least..self.observed.nodes {
            let candidate = Reduction {
                nodes: Some(count),
                ..self.best.clone()
            };
            if self.try_out(candidate) {
                return;
            }
        }
    }

    fn reduce_clients(&mut self) {
        for count in 1..self.observed.clients.min(12) {
            let candidate = Reduction {
                clients: Some(count),
                ..self.best.clone()
            };
            if self.try_out(candidate) {
                return;
            }
        }
    }

    /// Reduces one list of decisions by delta debugging: first nothing is kept, then ever smaller parts
    /// are left out.
    fn reduce_list(
        &mut self,
        list: fn(&mut Reduction) -> &mut Kept,
        count: fn(DecisionCounts) -> u64,
    ) {
        let mut items: Vec<u64> = match list(&mut self.best) {
            Kept::All => (0..count(self.observed.decisions)).collect(),
            Kept::Only(indices) => indices.iter().copied().collect(),
        };
        let attempt = |search: &mut Self, items: &[u64]| {
            let mut candidate = search.best.clone();
            *list(&mut candidate) = Kept::Only(items.iter().copied().collect());
            search.try_out(candidate)
        };
        if items.is_empty() || attempt(self, &[]) {
            return;
        }
        let mut size = items.len().div_ceil(2);
        while size > 0 && self.left > 0 {
            let mut start = 0;
            while start < items.len() && self.left > 0 {
                let end = (start + size).min(items.len());
                let rest = [&items[..start], &items[end..]].concat();
                if attempt(self, &rest) {
                    items = rest;
                } else {
                    start = end;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }
}
