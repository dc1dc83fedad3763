//! The database: lists by key, and the execution of transactions.

use std::collections::BTreeMap;

use raft::{ExactJson, StateMachine};
use serde::{Deserialize, Serialize};

/// Micro-operations that take effect together.
pub type Transaction = Vec<MicroOp>;

/// A micro-operation: on the wire `["r", key, null]`, answered by `["r", key, [1, 2]]`, or
/// `["append", key, 3]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MicroOp(pub Function, pub ExactJson, pub ExactJson);

/// The function of a micro-operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// Reads a list; `null` if nothing was appended to it.
    R,
    /// Appends an element to a list.
    Append,
}

/// Returns whether a transaction only reads.
pub(crate) fn is_read_only(txn: &[MicroOp]) -> bool {
    txn.iter().all(|MicroOp(f, ..)| *f == Function::R)
}

/// All lists, by the JSON text of their keys, so that `1` and `"1"` differ.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Lists(BTreeMap<String, Vec<ExactJson>>);

impl Lists {
    /// Executes a read-only transaction.
    pub fn view(&self, txn: &[MicroOp]) -> Transaction {
        txn.iter().map(|op| self.read(op)).collect()
    }

    fn read(&self, MicroOp(f, key, _): &MicroOp) -> MicroOp {
        let list = self.0.get(key.as_str());
        let list = list.map_or_else(ExactJson::null, |list| ExactJson::array(list));
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

    /// Executes the micro-operations in order. The log executes one transaction at a time, so no
    /// other transaction comes in between.
    fn apply(&mut self, txn: &Transaction) -> Transaction {
        txn.iter().map(|op| self.execute(op)).collect()
    }
}
