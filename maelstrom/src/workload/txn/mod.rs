//! Transactions over lists and over registers.
//!
//! A transaction is a list of micro-operations `[f k v]`: reads, and appends to a list or writes to
//! a register. The node answers with the same list in which the reads have their values, and what
//! it answers is what the history records: whether it is a possible answer, the checker decides.

mod models;

use rand::RngExt;
use serde_json::{Value as Json, json};

use super::{Client, Fields, Malformed, OptionSpec, Phases, Rules, Settings, Step, Workload};
use crate::check::{Analysis, txn};
use crate::edn::Value;
use crate::generator::{Access, AnyThread, Invocation, KeyPool, Stagger};
use crate::history::History;
use crate::seed::ChaCha8Rng;
use models::{accept_models, parse_models};

/// The txn-list-append workload: lists, to which transactions append.
#[derive(Clone, Copy, Debug)]
pub struct TxnListAppend;

/// The txn-rw-register workload: single values, which transactions overwrite.
#[derive(Clone, Copy, Debug)]
pub struct TxnRwRegister;

impl Workload for TxnListAppend {
    fn name(&self) -> &str {
        "txn-list-append"
    }

    fn summary(&self) -> &str {
        "transactions over lists, held to a consistency model"
    }

    fn protocol(&self) -> &str {
        include_str!("list_append.md")
    }

    fn functions(&self) -> &[&str] {
        &["txn"]
    }

    fn options(&self) -> Vec<OptionSpec> {
        options()
    }

    fn phases(&self, settings: &Settings) -> Phases {
        Txn::ListAppend.phases(settings)
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(TxnClient(Txn::ListAppend))
    }

    fn rules(&self, _: &Settings) -> Rules {
        rules()
    }

    fn check(&self, history: &History, settings: &Settings) -> Box<dyn Analysis> {
        let models = parse_models(settings.options.text("consistency-models"));
        Box::new(txn::list_append::check(history, &models))
    }
}

impl Workload for TxnRwRegister {
    fn name(&self) -> &str {
        "txn-rw-register"
    }

    fn summary(&self) -> &str {
        "transactions over registers, held to a consistency model"
    }

    fn protocol(&self) -> &str {
        include_str!("rw_register.md")
    }

    fn functions(&self) -> &[&str] {
        &["txn"]
    }

    fn options(&self) -> Vec<OptionSpec> {
        options()
    }

    fn phases(&self, settings: &Settings) -> Phases {
        Txn::RwRegister.phases(settings)
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(TxnClient(Txn::RwRegister))
    }

    fn rules(&self, _: &Settings) -> Rules {
        rules()
    }

    fn check(&self, history: &History, settings: &Settings) -> Box<dyn Analysis> {
        let models = parse_models(settings.options.text("consistency-models"));
        Box::new(txn::rw_register::check(history, &models))
    }
}

fn options() -> Vec<OptionSpec> {
    vec![
        OptionSpec::count("key-count", 10, "Active keys at a time"),
        OptionSpec::count("max-writes-per-key", 16, "Writes per key, at most"),
        OptionSpec::count("max-txn-length", 4, "Operations per transaction, at most"),
        OptionSpec::new(
            "consistency-models",
            "LIST",
            "strict-serializable",
            "Consistency models that transactions must satisfy, separated by \" , \" (with spaces)",
            accept_models,
        ),
    ]
}

fn rules() -> Rules {
    Rules {
        reusable: true,
        ..Rules::default()
    }
}

/// What the keys of a transactional workload hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Txn {
    /// Lists.
    ListAppend,
    /// Single values.
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

    /// Transactions of random length over a pool of keys.
    fn phases(self, settings: &Settings) -> Phases {
        let options = &settings.options;
        let mut keys = KeyPool::new(options.get("key-count"), options.get("max-writes-per-key"));
        let (write, length_max) = (self.write(), options.get("max-txn-length"));
        let stream = move |rng: &mut ChaCha8Rng| {
            let length = rng.random_range(1..=length_max);
            let micro_ops = (0..length).map(|_| {
                let (f, key, value) = match keys.draw(rng) {
                    Access::Read(key) => ("r", key, Value::Nil),
                    Access::Write(key, value) => (write, key, value.into()),
                };
                Value::Vector([Value::keyword(f), key.into(), value].into())
            });
            Invocation::new("txn", Value::Vector(micro_ops.collect()))
        };
        Phases::main(Stagger::new(settings.rate, AnyThread(stream)))
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
            Some(f) if f == "r" || f == self.write() => Ok(Value::Vector(
                [
                    Value::keyword(f),
                    Value::from_json(key),
                    Value::from_json(value),
                ]
                .into(),
            )),
            _ => Err(malformed("unknown function in a micro-operation")),
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
