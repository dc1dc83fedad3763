//! The checkers: from a finished history to a verdict.
//!
//! Each checker is a function from a [`History`](crate::history::History) to its own typed analysis, which knows its
//! [`Verdict`], prints itself under Maelstrom's result keys, and explains itself: a verdict that is
//! not `valid` comes with the smallest piece of history that shows why.

pub mod availability;
pub mod counter;
pub mod echo;
pub mod exceptions;
mod guard;
pub mod kafka;
pub mod linearizable;
pub mod results;
pub mod set_full;
pub mod stats;
pub mod txn;
pub mod unique_ids;
mod workload;

#[cfg(test)]
pub(crate) mod tests;

use crate::edn::Value;
use crate::history::Operation;

pub use availability::Availability;
pub use results::{Options, Results, WorkloadAnalysis, check};
pub use workload::Workload;

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
pub trait Analysis {
    /// The verdict.
    fn verdict(&self) -> Verdict;

    /// The results map under Maelstrom's keys, `:valid?` among them.
    fn to_edn(&self) -> Value;

    /// In a few lines of plain words, why the verdict is not `valid`: what was expected, what was
    /// seen, and the operations that show it. `None` when there is nothing to explain.
    fn explanation(&self) -> Option<String>;
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
