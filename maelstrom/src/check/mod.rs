//! The checkers: from a finished history to a verdict.
//!
//! Each checker is a function from a [`History`] to its own typed analysis, which knows its
//! [`Verdict`], prints itself under Maelstrom's result keys, and explains itself: a verdict that is
//! not `valid` comes with the smallest piece of history that shows why.

pub mod linearizable;

use crate::edn::Value;
#[allow(unused_imports)]
use crate::history::History;

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
