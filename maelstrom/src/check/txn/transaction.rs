//! The transactions of a history, taken apart into their reads and writes.

use std::collections::BTreeMap;

use crate::edn::Value;
use crate::history::{History, Kind, Operation};

/// A key, numbered in order of first appearance.
pub type Key = u32;

/// What a micro-operation does with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `[:r k v]`
    Read,
    /// `[:append k v]` or `[:w k v]`
    Write,
}

/// One step of a transaction.
#[derive(Clone, Copy, Debug)]
pub struct Mop<'h> {
    /// Read or write.
    pub action: Action,
    /// The key.
    pub key: Key,
    /// Whether it concerns other transactions: a read of a key that no earlier step touched, or the last
    /// write of its key.
    pub is_external: bool,
    /// What was read (`nil` in a transaction that did not end well), or is written.
    pub value: &'h Value,
}

impl Mop<'_> {
    /// Whether this reads.
    pub fn is_read(&self) -> bool {
        self.action == Action::Read
    }
}

/// A transaction: how it ended, and its steps.
#[derive(Clone, Debug)]
pub struct Transaction<'h> {
    /// The completion, or the invocation of one that has none.
    pub operation: &'h Operation,
    /// The invocation, if the history has it.
    invocation: Option<&'h Operation>,
    /// `Ok`, `Fail`, or `Info` if the outcome is unknown.
    pub outcome: Kind,
    /// The steps, in order.
    pub mops: Box<[Mop<'h>]>,
}

impl<'h> Transaction<'h> {
    /// The operation that stands for the beginning.
    pub fn beginning(&self) -> &'h Operation {
        self.invocation.unwrap_or(self.operation)
    }

    /// Whether it certainly took place.
    pub fn is_ok(&self) -> bool {
        self.outcome == Kind::Ok
    }

    /// Whether it certainly did not.
    pub fn is_failed(&self) -> bool {
        self.outcome == Kind::Fail
    }

    /// The reads, with their positions.
    pub fn reads(&self) -> impl Iterator<Item = (usize, &Mop<'h>)> {
        self.mops
            .iter()
            .enumerate()
            .filter(|(_, mop)| mop.is_read())
    }

    /// The writes, with their positions.
    pub fn writes(&self) -> impl Iterator<Item = (usize, &Mop<'h>)> {
        self.mops
            .iter()
            .enumerate()
            .filter(|(_, mop)| !mop.is_read())
    }
}

/// Every transaction of a history, in the order of their completions.
#[derive(Clone, Debug, Default)]
pub struct Transactions<'h> {
    /// The transactions; their positions here are the nodes of the dependency graph.
    pub all: Vec<Transaction<'h>>,
    /// The keys by number.
    pub keys: Vec<&'h Value>,
}

impl<'h> Transactions<'h> {
    /// Takes the `txn` operations of clients apart. `write` is the name of the function that
    /// writes: `append` or `w`.
    ///
    /// # Errors
    ///
    /// Names the first operation that is not a sequence of `[f k v]`, `f` being `r` or `write`, or
    /// that ended ok with other steps than it asked for.
    pub fn parse(history: &'h History, write: &str) -> Result<Transactions<'h>, String> {
        let mut parsed = Transactions::default();
        let mut numbers = BTreeMap::new();
        let mut latest = LatestAccess::default();
        for operation in history.clients().filter(|op| op.f == "txn") {
            let (invocation, outcome) = match operation.kind {
                Kind::Invoke if history.completion(operation).is_some() => continue,
                Kind::Invoke => (Some(operation), Kind::Info),
                outcome => (history.invocation(operation), outcome),
            };
            // The invocation says what was to be done, if the completion does not repeat it.
            let value = match (&operation.value, invocation) {
                (Value::Nil, Some(invocation)) => &invocation.value,
                (value, _) => value,
            };
            let steps = value.as_seq().unwrap_or_default();
            if let (Kind::Ok, Some(invocation)) = (outcome, invocation)
                && !repeats(steps, invocation.value.as_seq().unwrap_or_default())
            {
                return Err(format!(
                    "operation {} asked for {}, and the reply has other steps: {value}. A reply \
                     repeats the steps of its request, each with the same function and key",
                    operation.index, invocation.value
                ));
            }
            let mut mops = Vec::with_capacity(steps.len());
            for step in steps {
                let (action, key, value) = parse_step(step, write).ok_or_else(|| {
                    let index = operation.index;
                    format!("operation {index} is no transaction of r and {write}: {value}")
                })?;
                let key = *numbers.entry(key).or_insert_with(|| {
                    parsed.keys.push(key);
                    (parsed.keys.len() - 1) as Key
                });
                mops.push(Mop {
                    action,
                    key,
                    is_external: false,
                    value,
                });
            }
            latest.mark_external(&mut mops, parsed.all.len(), parsed.keys.len());
            parsed.all.push(Transaction {
                operation,
                invocation,
                outcome,
                mops: mops.into(),
            });
        }
        Ok(parsed)
    }

    /// The transactions that certainly took place, with their positions.
    pub fn ok(&self) -> impl Iterator<Item = (usize, &Transaction<'h>)> {
        self.all.iter().enumerate().filter(|(_, txn)| txn.is_ok())
    }
}

/// The last transactions that accessed each key.
#[derive(Default)]
struct LatestAccess {
    touched: Vec<Option<usize>>,
    written: Vec<Option<usize>>,
}

impl LatestAccess {
    /// Marks the external steps of the transaction of this number.
    fn mark_external(&mut self, mops: &mut [Mop<'_>], txn: usize, keys: usize) {
        self.touched.resize(keys, None);
        self.written.resize(keys, None);
        for mop in mops.iter_mut() {
            let before = self.touched[mop.key as usize].replace(txn);
            mop.is_external = mop.is_read() && before != Some(txn);
        }
        for mop in mops.iter_mut().rev().filter(|mop| !mop.is_read()) {
            let later = self.written[mop.key as usize].replace(txn);
            mop.is_external = later != Some(txn);
        }
    }
}

/// Whether a reply has the steps of the request: as many, each with the same function and key, and
/// what is written with the same value.
fn repeats(reply: &[Value], request: &[Value]) -> bool {
    let same = |(reply, request): (&Value, &Value)| match (reply.as_seq(), request.as_seq()) {
        (Some([f, key, value]), Some([asked_f, asked_key, asked_value])) => {
            let is_read = f.as_keyword().or(f.as_str()) == Some("r");
            f == asked_f && key == asked_key && (is_read || value == asked_value)
        }
        _ => false,
    };
    reply.len() == request.len() && reply.iter().zip(request).all(same)
}

fn parse_step<'h>(step: &'h Value, write: &str) -> Option<(Action, &'h Value, &'h Value)> {
    let [f, key, value] = step.as_seq()? else {
        return None;
    };
    let action = match f.as_keyword().or(f.as_str())? {
        "r" => Action::Read,
        name if name == write => Action::Write,
        _ => return None,
    };
    Some((action, key, value))
}
