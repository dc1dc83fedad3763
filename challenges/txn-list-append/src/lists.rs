//! The database: lists by key, and how a transaction is executed on them.

use std::collections::BTreeMap;

use raft::StateMachine;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Micro-operations that happen together.
pub type Transaction = Vec<MicroOp>;

/// On the wire `["r", key, null]`, answered by `["r", key, [1, 2]]`, or `["append", key, 3]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MicroOp(pub Function, pub Value, pub Value);

/// What a micro-operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// Reads a list; `null` if nothing was ever appended.
    R,
    /// Appends an element to a list.
    Append,
}

/// Whether a transaction changes nothing.
pub(crate) fn is_read_only(txn: &[MicroOp]) -> bool {
    txn.iter().all(|MicroOp(f, ..)| *f == Function::R)
}

/// All lists, by their keys' JSON, so that `1` and `"1"` differ.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Lists(BTreeMap<String, Vec<Value>>);

impl Lists {
    /// A read-only transaction, with its values.
    pub fn view(&self, txn: &[MicroOp]) -> Transaction {
        txn.iter().map(|op| self.read(op)).collect()
    }

    fn read(&self, MicroOp(f, key, _): &MicroOp) -> MicroOp {
        let list = self.0.get(&key.to_string());
        let list = list.map_or(Value::Null, |list| Value::Array(list.clone()));
        MicroOp(*f, key.clone(), list)
    }

    fn execute(&mut self, op: &MicroOp) -> MicroOp {
        let MicroOp(f, key, element) = op;
        match f {
            Function::R => self.read(op),
            Function::Append => {
                let list = self.0.entry(key.to_string()).or_default();
                list.push(element.clone());
                op.clone()
            }
        }
    }
}

impl StateMachine for Lists {
    type Command = Transaction;
    type Output = Transaction;

    /// One after the other, and nothing in between: that is all there is to isolation when there
    /// is one log.
    fn apply(&mut self, txn: &Transaction) -> Transaction {
        txn.iter().map(|op| self.execute(op)).collect()
    }
}
