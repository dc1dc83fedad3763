//! Linearizability: is there one order of all operations that explains what every client saw?
//!
//! Each operation has to take effect at one moment between its invocation and its completion, and
//! the register has to behave as a register at these moments. An operation whose outcome is
//! unknown (`info`) may take effect at any later time, or never. [`check`] splits a history by key
//! (`register`) and searches for such an order key by key (`search`); for a key that has none,
//! `window` looks for the shortest stretch of operations that cannot be ordered, and `explain` says
//! why.

mod configuration;
mod drawing;
mod explain;
mod memory;
mod model;
mod problem;
mod register;
mod report;
mod search;
mod sweep;
mod tally;
mod window;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::configuration::Supply;
use self::model::{Register, Symbol};
use self::problem::Problem;
use self::register::{KeyHistory, NIL};
use self::search::{Outcome, search};
use self::sweep::{Swept, sweep};
use crate::check::{Analysis, Verdict, cite};
use crate::edn::Value;
use crate::history::{History, Operation};

/// The configurations that the last search examines or compares for one key before the key's verdict is
/// `unknown`. The attempts before it use no more than that together. An ordinary history needs a few per
/// operation. A key with hundreds of unanswered operations, nearly all of which must have taken effect,
/// can use up the budget; that takes several seconds and about 100 MB.
const BUDGET: usize = 10_000_000;

/// Whether a history of a key-value store with `read`, `write` and `cas` is linearizable.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LinKvAnalysis {
    keys: BTreeMap<Value, KeyAnalysis>,
    /// Why the first operation that names no key could not be checked, if there is one.
    without_key: Option<String>,
}

/// The analysis of one key.
#[derive(Clone, Debug, PartialEq)]
struct KeyAnalysis {
    verdict: Verdict,
    /// The map under `:linearizable`.
    linearizable: Value,
    explanation: Option<String>,
}

/// Checks that each key of a history behaves as one register that is `nil` at first.
///
/// Invocations have values `[key nil]` for `read`, `[key v]` for `write` and `[key [from to]]` for
/// `cas`; a completed read has `[key v]`. A read of `nil` fits every state, as it does for
/// Maelstrom.
pub fn check(history: &History) -> LinKvAnalysis {
    check_within(history, BUDGET)
}

/// [`check`] with another budget of configurations for each key.
fn check_within(history: &History, budget: usize) -> LinKvAnalysis {
    let keys = register::by_key(history).into_iter().map(|mut key| {
        let analysis = check_key(history, &mut key, budget);
        (key.key, analysis)
    });
    LinKvAnalysis {
        keys: keys.collect(),
        without_key: register::without_key(history).map(cite_value).next(),
    }
}

fn check_key(history: &History, key: &mut KeyHistory<'_>, budget: usize) -> KeyAnalysis {
    if let Err(misfit) = key.read_calls() {
        return report::not_a_register(history, key, &misfit);
    }
    let problem = Problem::new(Register, &key.calls);
    match decide(&problem, budget) {
        Outcome::Ordered(order) => report::ordered(key, history, &problem, order.as_deref()),
        Outcome::Stuck(frontier) => report::stuck(key, history, &problem, &frontier),
        Outcome::Undecided => report::undecided(key, budget),
    }
}

/// Tries several methods, the cheap ones first, each with a share of the budget.
///
/// 1. A short search decides most histories.
/// 2. A sweep that lets unanswered operations take effect any number of times: most histories
///    without an order have none even then.
/// 3. A sweep that counts each unanswered operation. It ends soon or has too many choices.
/// 4. Sweeps that count only the operations that set one state, for each state in turn: they show that
///    a state was set more often than there are operations that set it.
/// 5. A long search, which remembers its dead ends.
fn decide(problem: &Problem<Register>, budget: usize) -> Outcome<Symbol> {
    let outcome = search(problem, [NIL], budget / 50);
    if outcome != Outcome::Undecided {
        return outcome;
    }
    match sweep(problem, [NIL], Supply::Unlimited, budget / 2) {
        Swept::Stuck(frontier) => return Outcome::Stuck(frontier),
        // There may be an order, or not: it has used calls more than once.
        Swept::Through | Swept::Undecided => {}
    }
    match sweep(problem, [NIL], Supply::Counted, budget / 10) {
        Swept::Stuck(frontier) => return Outcome::Stuck(frontier),
        Swept::Through => return Outcome::Ordered(None),
        Swept::Undecided => {}
    }
    let states = problem.optional_states();
    let share = budget / 4 / states.len().max(1);
    for state in states {
        if let Swept::Stuck(frontier) = sweep(problem, [NIL], Supply::CountedInto(state), share) {
            return Outcome::Stuck(frontier);
        }
    }
    search(problem, [NIL], budget)
}

fn cite_value(operation: &Operation) -> String {
    format!(
        "the value of an operation must be [key value], not {}: {} was not checked",
        operation.value,
        cite(operation)
    )
}

impl LinKvAnalysis {
    /// The keys with what is thought of each, in order.
    pub fn keys(&self) -> impl Iterator<Item = (&Value, Verdict)> {
        self.keys
            .iter()
            .map(|(key, analysis)| (key, analysis.verdict))
    }
}

impl Analysis for LinKvAnalysis {
    fn verdict(&self) -> Verdict {
        let keys = self.keys.values().map(|key| key.verdict);
        let without_key = self.without_key.iter().map(|_| Verdict::Unknown);
        keys.chain(without_key).max().unwrap_or_default()
    }

    fn to_edn(&self) -> Value {
        let invalid = self
            .keys()
            .filter(|(_, verdict)| *verdict == Verdict::Invalid);
        let failures = Value::vector(invalid.map(|(key, _)| key.clone()));
        let results = self
            .keys
            .iter()
            .map(|(key, analysis)| (key.clone(), analysis.to_edn()));
        Value::map([
            ("valid?", self.verdict().to_edn()),
            ("results", Value::Map(results.collect())),
            ("failures", failures),
        ])
    }

    fn explanation(&self) -> Option<String> {
        let keys = self.keys.values();
        let texts: Vec<&str> = keys
            .filter_map(|key| key.explanation.as_deref())
            .chain(self.without_key.as_deref())
            .collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }
}

impl KeyAnalysis {
    fn to_edn(&self) -> Value {
        Value::map([
            ("linearizable", self.linearizable.clone()),
            ("timeline", Value::map([("valid?", Value::Bool(true))])),
            ("valid?", self.verdict.to_edn()),
        ])
    }
}
