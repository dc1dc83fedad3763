//! Transactions over lists and over registers.
//!
//! A transaction is a list of micro-operations `[f k v]`: reads, and appends to a list or writes to
//! a register. The node answers with the same list in which the reads have their values, and what
//! it answers is what the history records: whether it is a possible answer, the checker decides.

use rand::RngExt;
use serde_json::{Value as Json, json};

use super::{Client, Fields, Malformed, Rules, Settings, Step, Workload};
use crate::edn::Value;
use crate::generator::{Access, AnyThread, Generator, Invocation, KeyPool, Stagger};
use crate::seed::ChaCha8Rng;

/// The two transactional workloads, by what their keys hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Txn {
    /// txn-list-append: lists, to which transactions append.
    ListAppend,
    /// txn-rw-register: single values, which transactions overwrite.
    RwRegister,
}

impl Txn {
    /// The function of a micro-operation that writes.
    fn write(self) -> &'static str {
        match self {
            Txn::ListAppend => "append",
            Txn::RwRegister => "w",
        }
    }

    /// Checks a micro-operation of an answer against the schema and gives it as the history has it.
    fn micro_op(self, micro_op: &Json) -> Result<Value, Malformed> {
        let malformed = |what: &str| Malformed(format!("{what}: {micro_op}"));
        let Some([f, key, value]) = micro_op.as_array().map(Vec::as_slice) else {
            return Err(malformed("a micro-operation must be [f, key, value]"));
        };
        match f.as_str() {
            Some("r") if self == Txn::ListAppend && !(value.is_array() || value.is_null()) => {
                Err(malformed("a read must yield a list or null"))
            }
            Some(f) if f == "r" || f == self.write() => Ok(Value::Vector(vec![
                Value::keyword(f),
                Value::from_json(key),
                Value::from_json(value),
            ])),
            _ => Err(malformed("unknown function in a micro-operation")),
        }
    }
}

impl Workload for Txn {
    fn generator(&self, settings: &Settings) -> Result<Box<dyn Generator>, String> {
        let mut keys = KeyPool::new(settings.key_count, settings.max_writes_per_key);
        let (write, length_max) = (self.write(), settings.max_txn_length);
        let stream = move |rng: &mut ChaCha8Rng| {
            let length = rng.random_range(1..=length_max);
            let micro_ops = (0..length).map(|_| {
                let (f, key, value) = match keys.draw(rng) {
                    Access::Read(key) => ("r", key, Value::Nil),
                    Access::Write(key, value) => (write, key, value.into()),
                };
                Value::Vector(vec![Value::keyword(f), key.into(), value])
            });
            Invocation::new("txn", Value::Vector(micro_ops.collect()))
        };
        Ok(Box::new(Stagger::new(settings.rate, AnyThread(stream))))
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(TxnClient(*self))
    }

    fn rules(&self, _: &Settings) -> Rules {
        Rules {
            reusable: true,
            ..Rules::default()
        }
    }
}

struct TxnClient(Txn);

impl Client for TxnClient {
    fn invoke(&mut self, invocation: &Invocation) -> Step {
        Step::Call(json!({ "type": "txn", "txn": invocation.value.to_json() }))
    }

    fn reply(&mut self, _: &Invocation, body: &Json) -> Result<Step, Malformed> {
        let mut fields = Fields::of(body, "txn_ok")?;
        let micro_ops = match fields.take("txn")? {
            Json::Array(micro_ops) => micro_ops.as_slice(),
            Json::Null => &[],
            other => return Err(Malformed(format!("txn must be a list, not {other}"))),
        };
        fields.end()?;
        let micro_ops = micro_ops.iter().map(|op| self.0.micro_op(op));
        Ok(Step::Ok(Value::Vector(
            micro_ops.collect::<Result<_, _>>()?,
        )))
    }
}
