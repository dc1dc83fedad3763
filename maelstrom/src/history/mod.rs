//! What the clients saw: every operation's invocation and completion, in order.
//!
//! A history is the only thing that checkers look at. Eddy writes it while a run is under way, and
//! reads it back from Jepsen's `history.edn` (plain or gzipped) or from its own `history.jsonl`.

mod latencies;
mod read;
mod write;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::edn::Value;

pub use latencies::Latencies;
pub use read::{read_edn, read_file, read_jsonl};

/// Who performed an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Process {
    /// A logical client process. A worker whose operation ends `info` goes on as a new process.
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

/// What an entry of the history says about its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It begins.
    Invoke,
    /// It happened.
    Ok,
    /// It certainly did not happen.
    Fail,
    /// Nobody knows; it may still happen.
    Info,
}

impl Kind {
    /// The name in a history.
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
    /// Position in the history, from 0.
    pub index: usize,
    /// Time since the run's origin.
    pub time: Duration,
    /// Invocation, or how the operation ended.
    pub kind: Kind,
    /// Who did it.
    pub process: Process,
    /// The function invoked, such as `read`.
    pub f: Cow<'static, str>,
    /// Its argument (in an invocation) or result (in an `ok`).
    pub value: Value,
    /// Why it did not end `ok`.
    pub error: Option<Value>,
    /// The exception that ended it: in Jepsen's notation, `{:via [{:type CLASS …} …] …}`.
    pub exception: Option<Value>,
    /// Further entries, such as `:final? true`, by keyword name.
    pub extra: Vec<(Cow<'static, str>, Value)>,
}

impl Operation {
    /// Whether a client did this.
    pub fn is_client(&self) -> bool {
        matches!(self.process, Process::Client(_))
    }

    /// Whether the operation is flagged `:final? true`.
    pub fn is_final(&self) -> bool {
        self.extra
            .iter()
            .any(|(k, v)| k == "final?" && *v == Value::Bool(true))
    }

    /// The class of the exception, for grouping.
    pub fn exception_class(&self) -> Option<String> {
        let exception = self.exception.as_ref()?;
        let via = exception
            .get("via")
            .and_then(|via| via.as_seq()?.first()?.get("type").cloned());
        Some(match via {
            Some(Value::Symbol(class) | Value::Str(class)) => class,
            _ => "unknown".to_owned(),
        })
    }
}

/// Every operation of a run, in order; entry *i* has index *i*.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    operations: Vec<Operation>,
    /// For each entry its counterpart: of an invocation its completion, and the other way round.
    counterparts: Vec<Option<usize>>,
    /// The invocations that have no completion yet: a process has one at a time.
    open: BTreeMap<Process, usize>,
}

impl History {
    /// A history of these operations. Their indices are renewed so that they count from 0.
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
        let invocation = match (operation.process, operation.kind) {
            // The fault injector notes what it asks for and what came of it, both as `info`.
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

    /// Every entry, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Operation> + Clone {
        self.operations.iter()
    }

    /// The entries of clients, in order.
    pub fn clients(&self) -> impl DoubleEndedIterator<Item = &Operation> + Clone {
        self.operations.iter().filter(|op| op.is_client())
    }

    /// The invocations of clients, in order, each with its completion if it has one.
    pub fn pairs(&self) -> impl Iterator<Item = (&Operation, Option<&Operation>)> {
        self.clients()
            .filter(|op| op.kind == Kind::Invoke)
            .map(|invocation| (invocation, self.completion(invocation)))
    }

    /// The completion of an invocation; `None` if it never came.
    pub fn completion(&self, invocation: &Operation) -> Option<&Operation> {
        let index = self.counterparts[invocation.index].filter(|i| *i > invocation.index);
        index.map(|i| &self.operations[i])
    }

    /// The invocation of a completion.
    pub fn invocation(&self, completion: &Operation) -> Option<&Operation> {
        let index = self.counterparts[completion.index].filter(|i| *i < completion.index);
        index.map(|i| &self.operations[i])
    }

    /// The entry at an index.
    pub fn get(&self, index: usize) -> Option<&Operation> {
        self.operations.get(index)
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}
