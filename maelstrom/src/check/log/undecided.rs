//! Histories that cannot be judged.

use crate::edn::Value;

/// Why there is no verdict. Jepsen's analysis ends in an exception in these cases.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Undecided {
    /// An operation's value has not the shape of the workload.
    Malformed {
        /// Index of its completion.
        op: usize,
    },
    /// A poll returned a message that was never sent.
    NoWriter {
        /// Index of the poll.
        op: usize,
        key: Value,
        offset: Option<i64>,
        message: Value,
    },
    /// An ok poll listed a key without messages, of which no ok poll ever returned one: Jepsen
    /// looks for the highest message read, at index -1.
    NeverRead {
        /// Index of the poll.
        op: usize,
        key: Value,
    },
    /// An offset below zero is no place in a log.
    NegativeOffset { key: Value, offset: i64 },
}

impl Undecided {
    /// What stands under `:error` in the results.
    pub(super) fn to_edn(&self) -> Value {
        let (name, details) = match self {
            Undecided::Malformed { op } => ("malformed-operation", vec![("index", (*op).into())]),
            Undecided::NoWriter {
                op, key, message, ..
            } => (
                "no-writer-of-value",
                vec![
                    ("key", key.clone()),
                    ("value", message.clone()),
                    ("index", (*op).into()),
                ],
            ),
            Undecided::NeverRead { op, key } => (
                "index-out-of-bounds",
                vec![("key", key.clone()), ("index", (*op).into())],
            ),
            Undecided::NegativeOffset { key, offset } => (
                "index-out-of-bounds",
                vec![("key", key.clone()), ("offset", (*offset).into())],
            ),
        };
        let details = details.into_iter().chain([("type", Value::keyword(name))]);
        Value::map(details)
    }

    /// The same in plain words.
    pub(super) fn explain(&self) -> String {
        match self {
            Undecided::Malformed { op } => format!(
                "op {op} has a value that is neither sends and polls nor a list of keys, so the \
                 history cannot be judged"
            ),
            Undecided::NoWriter {
                op,
                key,
                offset,
                message,
            } => {
                let offset = Value::from(*offset);
                format!(
                    "no-writer-of-value: the poll of op {op} returned message {message} of key \
                     {key} at offset {offset}, which nobody sent, so the history cannot be judged"
                )
            }
            Undecided::NeverRead { op, key } => format!(
                "the poll of op {op} lists key {key} without messages, and no poll ever returned \
                 a message of it. Upstream's analysis fails on that; a node should leave out keys \
                 that it has nothing of"
            ),
            Undecided::NegativeOffset { key, offset } => {
                format!("key {key} has offset {offset}; the first place in a log is 0")
            }
        }
    }
}
