//! The checkers: from a finished history to a verdict.
//!
//! Each checker is a function from a [`History`] to its own typed analysis, which knows its
//! [`Verdict`], prints itself under Maelstrom's result keys, and explains itself: a verdict that is
//! not `valid` comes with the smallest piece of history that shows why.

pub mod availability;
pub mod counter;
pub mod evidence;
pub mod exceptions;
pub mod findings;
mod guard;
pub mod linearizable;
pub mod log;
mod nodes;
pub mod object;
pub mod results;
pub mod set_full;
pub mod stats;
pub mod txn;

#[cfg(test)]
pub(crate) mod tests;

use std::any::Any;
use std::fmt::Debug;

use crate::chart::Chart;
use crate::edn::Value;
use crate::history::{History, Operation};

pub use availability::Availability;
pub use results::{Results, check};

/// What a checker thinks of a run. The order is the order of severity, so that the verdict of
/// several checkers is their [`max`](Ord::max): invalid beats unknown, unknown beats valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing wrong was found.
    #[default]
    Valid,
    /// It could not be decided.
    Unknown,
    /// An anomaly was found.
    Invalid,
}

impl Verdict {
    /// `Valid` if `valid`, else `Invalid`.
    pub fn from_valid(valid: bool) -> Verdict {
        if valid {
            Verdict::Valid
        } else {
            Verdict::Invalid
        }
    }

    /// The verdict that a results map states under `:valid?`; one that states none is valid.
    pub fn of_results(results: &Value) -> Verdict {
        match results.get("valid?") {
            None | Some(Value::Bool(true)) => Verdict::Valid,
            Some(Value::Bool(false)) => Verdict::Invalid,
            Some(_) => Verdict::Unknown,
        }
    }

    /// The value under `:valid?`: `true`, `:unknown` or `false`.
    pub fn to_edn(self) -> Value {
        match self {
            Verdict::Valid => Value::Bool(true),
            Verdict::Unknown => Value::keyword("unknown"),
            Verdict::Invalid => Value::Bool(false),
        }
    }

    /// The exit code of a run with this verdict.
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Valid => 0,
            Verdict::Invalid => 1,
            Verdict::Unknown => 2,
        }
    }
}

/// What every checker's analysis can say about itself.
///
/// The type of an analysis is known to those who ask for it:
/// [`Results::workload_as`] gives it back.
pub trait Analysis: Any + Debug {
    /// The verdict.
    fn verdict(&self) -> Verdict;

    /// The results map under Maelstrom's keys, `:valid?` among them.
    fn to_edn(&self) -> Value;

    /// What is wrong, the most important first. Empty if nothing needs an explanation.
    fn findings(&self) -> Vec<Finding> {
        Vec::new()
    }

    /// Why the verdict is not `valid`, in a few lines: what was expected, what was seen, and the
    /// operations that show it. `None` if there is nothing to explain.
    fn explanation(&self) -> Option<String> {
        let texts: Vec<String> = self
            .findings()
            .into_iter()
            .map(|finding| finding.text)
            .collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }

    /// A few values that are missing somewhere. A report describes the way of each from node to node.
    fn values_to_trace(&self) -> Vec<Value> {
        Vec::new()
    }

    /// Figures that the run reached, which tables show and suites set targets for.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }

    /// Pictures for the run's page.
    fn charts(&self, _history: &History) -> Vec<Chart> {
        Vec::new()
    }

    /// Whether upstream's whole analysis breaks on this history, so that the run's verdict is
    /// `unknown` whatever the other checkers say.
    fn aborts_run(&self) -> bool {
        false
    }
}

/// Something wrong that a checker found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the anomaly, such as `lost` or `two-leaders-in-a-term`.
    pub anomaly: String,
    /// What was expected and what was seen, in whole sentences.
    pub text: String,
    /// The indices in the history of the operations that prove it.
    pub operations: Vec<usize>,
}

/// A figure that a run reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The name, as suites refer to it, such as `split-brain-ms`. It ends in its unit, if it has
    /// one.
    pub name: String,
    /// The value; `None` if the run has no such value, such as a failover time without a failover.
    pub value: Option<f64>,
}

impl Figure {
    /// A figure with a value.
    pub fn new(name: impl Into<String>, value: f64) -> Figure {
        Figure {
            name: name.into(),
            value: Some(value),
        }
    }
}

/// A checker that could not do its work: the run's verdict becomes `unknown`, not `invalid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckerError {
    /// What stood in its way.
    pub message: String,
    /// Whether it takes the verdicts of all other checkers down with it, as an assertion inside
    /// Jepsen's analysis does.
    pub fatal: bool,
}

impl CheckerError {
    /// An error that leaves the other checkers' verdicts standing.
    pub fn new(message: impl Into<String>) -> CheckerError {
        CheckerError {
            message: message.into(),
            fatal: false,
        }
    }

    /// An error after which the whole analysis counts as undecided.
    pub fn fatal(message: impl Into<String>) -> CheckerError {
        CheckerError {
            message: message.into(),
            fatal: true,
        }
    }
}

impl Analysis for CheckerError {
    fn verdict(&self) -> Verdict {
        Verdict::Unknown
    }

    fn to_edn(&self) -> Value {
        Value::map([
            ("valid?", self.verdict().to_edn()),
            ("error", self.message.as_str().into()),
        ])
    }

    fn explanation(&self) -> Option<String> {
        Some(format!("the checker failed: {}", self.message))
    }

    fn aborts_run(&self) -> bool {
        self.fatal
    }
}

/// How explanations refer to an operation: `process 3 at 1.667 s (operation 199)`.
pub fn cite(operation: &Operation) -> String {
    format!(
        "process {} at {:.3} s (operation {})",
        operation.process,
        operation.time.as_secs_f64(),
        operation.index
    )
}
