//! Histories: the invocation and completion of every operation, in order.
//!
//! Checkers read nothing but the history. Eddy records it during a run, and reads it back from
//! Jepsen's `history.edn` (plain or gzipped) or from its own `history.jsonl`.

mod latencies;
mod read;
mod sharing;
mod write;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::edn::Value;
use sharing::Recent;

pub use latencies::{Latencies, quantile};
pub use read::{read_edn, read_file, read_jsonl};

/// The process that performed an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Process {
    /// A logical client process. A client thread whose operation ends `info` continues as a new one.
    Client(u64),
    /// The fault injector.
    Nemesis,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Process::Client(id) => write!(f, "{id}"),
            Process::Nemesis => f.write_str(":nemesis"),
        }
    }
}

/// The kind of an entry of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The operation begins.
    Invoke,
    /// The operation took effect.
    Ok,
    /// The operation certainly did not take effect.
    Fail,
    /// Whether the operation took effect is unknown, and it may still do so.
    Info,
}

impl Kind {
    /// Returns the name in a history.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invoke => "invoke",
            Kind::Ok => "ok",
            Kind::Fail => "fail",
            Kind::Info => "info",
        }
    }
}

/// One entry of a history: an invocation or a completion.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The position in the history, from 0.
    pub index: usize,
    /// The time since the run's origin.
    pub time: Duration,
    /// Whether it is an invocation, or how the operation ended.
    pub kind: Kind,
    /// The process that performed it.
    pub process: Process,
    /// The function invoked, such as `read`.
    pub f: Cow<'static, str>,
    /// The argument (of an invocation) or the result (of an `ok`).
    pub value: Value,
    /// Why it did not end `ok`. Boxed, because most operations of a long history have none.
    pub error: Option<Box<Value>>,
    /// The exception that ended it: in Jepsen's notation, `{:via [{:type CLASS …} …] …}`.
    pub exception: Option<Box<Value>>,
    /// Further entries, such as `:final? true`, by keyword name.
    pub extra: Vec<(Cow<'static, str>, Value)>,
}

impl Operation {
    /// Returns whether a client did this.
    pub fn is_client(&self) -> bool {
        matches!(self.process, Process::Client(_))
    }

    /// Returns whether the operation is flagged `:final? true`.
    pub fn is_final(&self) -> bool {
        self.extra
            .iter()
            .any(|(k, v)| k == "final?" && *v == Value::Bool(true))
    }

    /// Returns the class of the exception, by which exceptions are grouped.
    pub fn exception_class(&self) -> Option<String> {
        let exception = self.exception.as_ref()?;
        let via = exception
            .get("via")
            .and_then(|via| via.as_seq()?.first()?.get("type").cloned());
        Some(match via {
            Some(Value::Symbol(class) | Value::Str(class)) => class.to_string(),
            _ => "unknown".to_owned(),
        })
    }
}

/// The number of operations from which on values are shared: the values of a short history take less memory
/// than what finds equal ones.
const SHARING_FROM: usize = 1000;

/// Every operation of a run, in order; entry *i* has index *i*.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    operations: Vec<Operation>,
    /// For each entry its counterpart: the completion of an invocation, and the other way round.
    counterparts: Vec<Option<usize>>,
    /// The invocations that have no completion yet: a process has one at a time.
    open: BTreeMap<Process, usize>,
    /// Values of the latest operations, which further ones share.
    recent: Recent,
}

impl History {
    /// Creates a history of these operations, and sets their indices.
    pub fn new(operations: impl IntoIterator<Item = Operation>) -> History {
        let mut history = History::default();
        for operation in operations {
            history.push(operation);
        }
        history
    }

    /// Appends an operation, sets its index, and pairs it with its invocation.
    pub fn push(&mut self, mut operation: Operation) -> &Operation {
        let index = self.operations.len();
        operation.index = index;
        if index >= SHARING_FROM {
            self.recent.share(&mut operation.value);
        }
        let invocation = match (operation.process, operation.kind) {
            // The fault injector records a request and its result, both as `info`.
            (Process::Nemesis, _) => None,
            (process, Kind::Invoke) => {
                self.open.insert(process, index);
                None
            }
            (process, _) => self.open.remove(&process),
        };
        if let Some(invocation) = invocation {
            self.counterparts[invocation] = Some(index);
        }
        self.counterparts.push(invocation);
        self.operations.push(operation);
        &self.operations[index]
    }

    /// Returns every entry, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Operation> + Clone {
        self.operations.iter()
    }

    /// Returns the entries of clients, in order.
    pub fn clients(&self) -> impl DoubleEndedIterator<Item = &Operation> + Clone {
        self.operations.iter().filter(|op| op.is_client())
    }

    /// Returns the invocations of clients, in order, each with its completion if it has one.
    pub fn pairs(&self) -> impl Iterator<Item = (&Operation, Option<&Operation>)> {
        self.clients()
            .filter(|op| op.kind == Kind::Invoke)
            .map(|invocation| (invocation, self.completion(invocation)))
    }

    /// Returns the completion of an invocation; `None` if there is none.
    pub fn completion(&self, invocation: &Operation) -> Option<&Operation> {
        let index = self.counterparts[invocation.index].filter(|i| *i > invocation.index);
        index.map(|i| &self.operations[i])
    }

    /// Returns the invocation of a completion; `None` if there is none.
    pub fn invocation(&self, completion: &Operation) -> Option<&Operation> {
        let index = self.counterparts[completion.index].filter(|i| *i < completion.index);
        index.map(|i| &self.operations[i])
    }

    /// Returns the entry at an index.
    pub fn get(&self, index: usize) -> Option<&Operation> {
        self.operations.get(index)
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Returns whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}
