//! From a history of many keys to the calls on one register.

use std::collections::BTreeMap;

use super::model::{RegisterOp, Symbol};
use super::problem::Call;
use crate::edn::Value;
use crate::history::{History, Kind, Operation};

/// The register before anything was written to it.
pub(super) const NIL: Symbol = 0;

/// Everything that happened to one key.
#[derive(Debug)]
pub(super) struct KeyHistory<'a> {
    pub key: Value,
    /// Every invocation, with its completion if it has one, in order.
    pub operations: Vec<(&'a Operation, Option<&'a Operation>)>,
    /// Those that a linearization has to explain. Their moments are indices into the history.
    pub calls: Vec<Call<RegisterOp>>,
    /// The value that each symbol stands for.
    pub values: Vec<Value>,
}

/// An operation that is none of a register's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotARegister {
    /// Its index in the history.
    pub index: usize,
}

/// Splits a history by key: an object per key is linearizable if, and only if, the whole is
/// (locality: Herlihy and Wing 1990). Entries whose value is no pair of key and argument belong to
/// no key and are ignored.
pub(super) fn by_key(history: &History) -> Vec<KeyHistory<'_>> {
    let mut keys: BTreeMap<&Value, Vec<_>> = BTreeMap::new();
    for (invocation, completion) in history.pairs() {
        if let Some((key, _)) = key_and_argument(&invocation.value) {
            keys.entry(key).or_default().push((invocation, completion));
        }
    }
    keys.into_iter()
        .map(|(key, operations)| KeyHistory {
            key: key.clone(),
            operations,
            calls: Vec::new(),
            values: vec![Value::Nil],
        })
        .collect()
}

/// The operations on registers whose value names no key.
pub(super) fn without_key(history: &History) -> impl Iterator<Item = &Operation> {
    let invocations = history.pairs().map(|(invocation, _)| invocation);
    invocations.filter(|op| {
        matches!(&*op.f, "read" | "write" | "cas") && key_and_argument(&op.value).is_none()
    })
}

/// The parts of an operation's value.
pub(super) fn key_and_argument(value: &Value) -> Option<(&Value, &Value)> {
    match value.as_seq()? {
        [key, argument] => Some((key, argument)),
        _ => None,
    }
}

impl KeyHistory<'_> {
    /// Fills in the calls.
    ///
    /// Failed operations did not happen; reads without an answer, or that were answered with
    /// nil, say nothing about the register.
    pub fn read_calls(&mut self) -> Result<(), NotARegister> {
        let mut symbols = BTreeMap::from([(Value::Nil, NIL)]);
        let mut symbol = |value: &Value| {
            *symbols.entry(value.clone()).or_insert_with(|| {
                self.values.push(value.clone());
                (self.values.len() - 1) as Symbol
            })
        };
        for &(invocation, completion) in &self.operations {
            let happened = completion.filter(|op| op.kind == Kind::Ok);
            if completion.is_some_and(|op| op.kind == Kind::Fail) {
                continue;
            }
            let not_a_register = NotARegister {
                index: invocation.index,
            };
            let value = &happened.unwrap_or(invocation).value;
            let (_, argument) = key_and_argument(value).ok_or(not_a_register.clone())?;
            let op = match (&*invocation.f, argument) {
                ("read", _) if happened.is_none() => continue,
                ("read", Value::Nil) => continue,
                ("read", value) => RegisterOp::Read(symbol(value)),
                ("write", value) => RegisterOp::Write(symbol(value)),
                ("cas", pair) => match key_and_argument(pair) {
                    Some((from, to)) => RegisterOp::Cas(symbol(from), symbol(to)),
                    None => return Err(not_a_register),
                },
                _ => return Err(not_a_register),
            };
            let returned = happened.map(|op| op.index);
            self.calls.push(Call {
                op,
                invoked: invocation.index,
                returned,
            });
        }
        Ok(())
    }

    /// The operations that failed, each with its completion and as the call that it would have been
    /// had it taken effect. Those with values that no call mentions are left out.
    pub fn failed_calls(&self) -> impl Iterator<Item = (&Operation, &Operation, Call<RegisterOp>)> {
        let symbol = |value: &Value| {
            let at = self.values.iter().position(|known| known == value)?;
            Some(at as Symbol)
        };
        self.operations
            .iter()
            .filter_map(move |&(invocation, completion)| {
                let completion = completion.filter(|op| op.kind == Kind::Fail)?;
                let (_, argument) = key_and_argument(&invocation.value)?;
                let op = match (&*invocation.f, key_and_argument(argument)) {
                    ("write", _) => RegisterOp::Write(symbol(argument)?),
                    ("cas", Some((from, to))) => RegisterOp::Cas(symbol(from)?, symbol(to)?),
                    _ => return None,
                };
                let call = Call {
                    op,
                    invoked: invocation.index,
                    returned: Some(completion.index),
                };
                Some((invocation, completion, call))
            })
    }

    /// The last operation that completed `ok` before a moment.
    pub fn previous_ok(&self, moment: usize) -> Option<&Operation> {
        let completions = self
            .operations
            .iter()
            .filter_map(|(_, completion)| *completion);
        completions
            .filter(|op| op.kind == Kind::Ok && op.index < moment)
            .max_by_key(|op| op.index)
    }

    /// An operation in words.
    pub fn describe(&self, op: RegisterOp) -> String {
        let value = |symbol: Symbol| &self.values[symbol as usize];
        match op {
            RegisterOp::Read(v) => format!("read {}", value(v)),
            RegisterOp::Write(v) => format!("write {}", value(v)),
            RegisterOp::Cas(from, to) => format!("cas {} to {}", value(from), value(to)),
        }
    }
}
