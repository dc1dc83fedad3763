//! The results map of one key, under the names that Knossos gives to these things.

use super::KeyAnalysis;
use super::explain;
use super::model::{Model, Register, Symbol};
use super::problem::{Problem, Step};
use super::register::{KeyHistory, NIL, NotARegister, key_and_argument};
use super::search::Frontier;
use crate::check::Verdict;
use crate::edn::Value;
use crate::history::{History, Operation, Process};

/// How many examples a list of them holds.
const EXAMPLES: usize = 10;

/// A key whose operations can be ordered.
pub(super) fn ordered(
    key: &KeyHistory<'_>,
    history: &History,
    problem: &Problem<Register>,
    order: Option<&[Step]>,
) -> KeyAnalysis {
    let configs = order.map(|steps| final_configuration(key, history, &problem.calls_of(steps)));
    let linearizable = Value::map([
        ("valid?", Value::Bool(true)),
        ("configs", Value::list(configs)),
        ("final-paths", Value::List([].into())),
    ]);
    KeyAnalysis {
        verdict: Verdict::Valid,
        linearizable,
        explanation: None,
    }
}

/// What an order of all calls comes to: the state, the last answered operation, and the
/// unanswered ones that were not needed.
fn final_configuration(key: &KeyHistory<'_>, history: &History, order: &[usize]) -> Value {
    let state = order.iter().fold(NIL, |state, &call| {
        Register
            .step(state, key.calls[call].op)
            .expect("the search found a legal order")
    });
    let last = order
        .iter()
        .rev()
        .find_map(|&call| key.calls[call].returned);
    let mut used = vec![false; key.calls.len()];
    for &call in order {
        used[call] = true;
    }
    let unused = key
        .calls
        .iter()
        .zip(used)
        .filter(|(call, used)| call.returned.is_none() && !used);
    Value::map([
        ("model", register(key, state)),
        (
            "last-op",
            last.and_then(|at| history.get(at))
                .map_or(Value::Nil, operation),
        ),
        (
            "pending",
            Value::vector(unused.filter_map(|(call, _)| history.get(call.invoked).map(operation))),
        ),
    ])
}

/// A key whose operations cannot be ordered beyond the frontier.
pub(super) fn stuck(
    key: &KeyHistory<'_>,
    history: &History,
    problem: &Problem<Register>,
    frontier: &Frontier<Symbol>,
) -> KeyAnalysis {
    let stuck = problem.required[frontier.layer as usize].call;
    let call = key.calls[stuck];
    let returned = call
        .returned
        .expect("only a call that returned can be stuck");
    let completion = history.get(returned).map_or(Value::Nil, operation);
    let previous = key.previous_ok(returned).map(operation);
    let pending = key
        .calls
        .iter()
        .filter(|other| other.invoked < returned && other.returned.is_none_or(|at| at >= returned));
    let pending: Vec<Value> = pending
        .filter_map(|call| history.get(call.invoked).map(operation))
        .collect();
    let examples = || frontier.states.iter().take(EXAMPLES);
    let configs = examples().map(|&state| {
        Value::map([
            ("model", register(key, state)),
            ("last-op", previous.clone().into()),
            ("pending", Value::vector(pending.clone())),
        ])
    });
    let paths = examples().map(|&state| {
        let why = format!(
            "can't {} when the register is {}",
            key.describe(call.op),
            key.values[state as usize]
        );
        let before = previous.clone().map(|op| step(op, register(key, state)));
        let refused = step(
            completion.clone(),
            record("Inconsistent", "msg", why.into()),
        );
        Value::vector(before.into_iter().chain([refused]))
    });
    let linearizable = Value::map([
        ("valid?", Value::Bool(false)),
        ("op", completion.clone()),
        ("previous-ok", previous.clone().into()),
        ("last-op", previous.clone().into()),
        ("configs", Value::list(configs)),
        ("final-paths", Value::list(paths)),
    ]);
    let explanation = explain::stuck(
        key,
        history,
        stuck,
        &frontier.states,
        frontier.layer as usize,
    );
    KeyAnalysis {
        verdict: Verdict::Invalid,
        linearizable,
        explanation: Some(explanation),
    }
}

/// A key for which the budget was too small. The bound that stopped the search is named.
pub(super) fn undecided(key: &KeyHistory<'_>, budget: usize) -> KeyAnalysis {
    let unanswered = key
        .calls
        .iter()
        .filter(|call| call.returned.is_none())
        .count();
    unknown(format!(
        "key {} is undecided: the search for an order of its {} operations, of which {unanswered} were \
         never answered, stopped at its bound of {budget} configurations",
        key.key,
        key.calls.len(),
    ))
}

/// A key with an operation that no register has.
pub(super) fn not_a_register(
    history: &History,
    key: &KeyHistory<'_>,
    NotARegister { index }: &NotARegister,
) -> KeyAnalysis {
    let operation = history
        .get(*index)
        .map(Operation::edn_line)
        .unwrap_or_default();
    unknown(format!(
        "key {} is undecided: no register has the operation {operation}",
        key.key
    ))
}

fn unknown(why: String) -> KeyAnalysis {
    let linearizable = Value::map([
        ("valid?", Verdict::Unknown.to_edn()),
        ("error", why.as_str().into()),
    ]);
    KeyAnalysis {
        verdict: Verdict::Unknown,
        linearizable,
        explanation: Some(why),
    }
}

/// One step of a path.
fn step(op: Value, model: Value) -> Value {
    Value::map([("op", op), ("model", model)])
}

fn register(key: &KeyHistory<'_>, state: Symbol) -> Value {
    record("CASRegister", "value", key.values[state as usize].clone())
}

fn record(name: &str, field: &str, value: Value) -> Value {
    let fields = Value::map([(field, value)]);
    Value::Tagged(Box::new((format!("knossos.model.{name}"), fields)))
}

/// An operation as one on its key's register.
fn operation(op: &Operation) -> Value {
    let process = match op.process {
        Process::Client(id) => Value::from(id),
        Process::Nemesis => Value::keyword("nemesis"),
    };
    let argument = key_and_argument(&op.value).map(|(_, argument)| argument.clone());
    Value::map([
        ("process", process),
        ("type", Value::keyword(op.kind.name())),
        ("f", Value::keyword(&*op.f)),
        ("value", argument.into()),
        ("index", op.index.into()),
        ("time", Value::from(op.time.as_nanos() as i128)),
    ])
}
