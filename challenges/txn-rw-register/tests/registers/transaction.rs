//! The transactions of a history.

use std::collections::BTreeMap;
use std::time::Duration;

use eddy::edn::Value;
use eddy::history::{History, Kind, Operation};

/// A transaction that was committed, or may have been.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// Time of the invocation.
    pub invoked: Duration,
    /// Time of the reply; `None` if there was none.
    pub completed: Option<Duration>,
    /// Values of the external reads, those of registers that it had not written or read before.
    pub reads: BTreeMap<i64, Option<i64>>,
    /// The last write to each register.
    pub writes: BTreeMap<i64, i64>,
    /// Whether it is one of the final reads of all registers.
    pub is_final: bool,
}

impl Transaction {
    fn of(invocation: &Operation, completion: Option<&Operation>) -> Option<Self> {
        let committed = completion.filter(|completion| completion.kind == Kind::Ok);
        if completion.is_some_and(|completion| completion.kind == Kind::Fail) {
            return None;
        }
        let mut transaction = Self {
            invoked: invocation.time,
            completed: committed.map(|completion| completion.time),
            is_final: invocation.is_final(),
            ..Self::default()
        };
        let micro_ops = &committed.unwrap_or(invocation).value;
        for micro_op in micro_ops.as_seq().expect("a transaction is a list") {
            let [f, key, value] = micro_op.as_seq().expect("a micro-operation is a list") else {
                panic!("a micro-operation has three parts");
            };
            let key = key.as_int().expect("a key is an integer");
            match (f.as_keyword(), value) {
                (Some("w"), value) => {
                    let value = value.as_int().expect("a value is an integer");
                    transaction.writes.insert(key, value);
                }
                // The reads of an unanswered transaction are unknown.
                (_, value) if committed.is_some() && !transaction.writes.contains_key(&key) => {
                    transaction.reads.entry(key).or_insert(value.as_int());
                }
                _ => {}
            }
        }
        Some(transaction)
    }
}

/// The transactions of a history, without those that failed.
#[derive(Debug, Default)]
pub struct Transactions {
    pub all: Vec<Transaction>,
    /// By register and value, the transaction with that value as its last write.
    writers: BTreeMap<(i64, i64), usize>,
}

impl Transactions {
    pub fn new(all: Vec<Transaction>) -> Self {
        let mut writers = BTreeMap::new();
        for (index, transaction) in all.iter().enumerate() {
            for (&key, &value) in &transaction.writes {
                writers.insert((key, value), index);
            }
        }
        Self { all, writers }
    }

    pub fn of(history: &History) -> Self {
        let pairs = history.pairs();
        Self::new(pairs.filter_map(|(i, c)| Transaction::of(i, c)).collect())
    }

    /// Returns the transaction whose last write to a register was this value.
    pub fn writer(&self, key: i64, value: i64) -> Option<usize> {
        self.writers.get(&(key, value)).copied()
    }
}

/// Returns a transaction that reads the registers from 0 up to `keys`.
pub fn reads_of_all(keys: i64) -> Value {
    let read = |key: i64| Value::Vector([Value::keyword("r"), key.into(), Value::Nil].into());
    Value::Vector((0..keys).map(read).collect())
}
