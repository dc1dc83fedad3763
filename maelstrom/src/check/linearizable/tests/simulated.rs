//! Histories of clients on an atomic register, for the tests: linearizable by construction, since
//! each operation really takes effect at one moment, drawn between its ends; and such histories
//! with a fault put in.

use std::borrow::Cow;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::edn::Value;
use crate::history::{History, Kind, Operation, Process};

/// Who uses the register, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clients {
    /// How many there are.
    pub processes: u64,
    /// How many operations they begin.
    pub operations: usize,
    /// Values are drawn from 0 to this, exclusive.
    pub values: i64,
    /// The share of operations that are never answered. Half of them take effect, some much later.
    pub unanswered: f64,
    /// The share of late effects that come once more, which no register allows.
    pub again: f64,
    /// How likely an idle client begins an operation rather than a pending one moving on.
    pub eager: f64,
}

impl Default for Clients {
    fn default() -> Clients {
        Clients {
            processes: 3,
            operations: 12,
            values: 3,
            unanswered: 0.1,
            again: 0.0,
            eager: 0.5,
        }
    }
}

/// An operation under way.
struct Pending {
    process: u64,
    f: &'static str,
    argument: Value,
    stage: Stage,
}

enum Stage {
    /// Will take effect, and then be answered or not.
    Waiting { answered: bool },
    /// Has taken effect, or been refused; the answer is on its way.
    Done(Kind, Value),
    /// Will never take effect, nor be answered.
    Lost,
    /// The client has given up; it takes effect all the same.
    Late,
}

/// The operations of `clients` on one register, as a history with this key.
pub(super) fn history(clients: Clients, key: i64, seed: u64) -> History {
    let mut run = Run {
        rng: ChaCha8Rng::seed_from_u64(seed),
        key,
        register: Value::Nil,
        operations: Vec::new(),
        idle: (0..clients.processes).collect(),
        next_process: clients.processes,
        again: clients.again,
    };
    let mut pending: Vec<Pending> = Vec::new();
    let mut begun = 0;
    loop {
        let may_begin = begun < clients.operations && !run.idle.is_empty();
        if may_begin && (pending.is_empty() || run.rng.random_bool(clients.eager)) {
            pending.push(run.invoke(clients));
            begun += 1;
        } else if pending.is_empty() {
            return History::new(run.operations);
        } else {
            let chosen = run.rng.random_range(0..pending.len());
            let next = run.advance(pending.swap_remove(chosen));
            pending.extend(next);
        }
    }
}

struct Run {
    rng: ChaCha8Rng,
    key: i64,
    register: Value,
    operations: Vec<Operation>,
    idle: Vec<u64>,
    next_process: u64,
    again: f64,
}

impl Run {
    fn invoke(&mut self, clients: Clients) -> Pending {
        let process = self.idle.remove(self.rng.random_range(0..self.idle.len()));
        let mut value = || Value::from(self.rng.random_range(0..clients.values));
        let (f, argument) = match (value(), value()) {
            (from, to) if self.rng.random_bool(0.3) => ("cas", Value::vector([from, to])),
            (to, _) if self.rng.random_bool(0.3) => ("write", to),
            _ => ("read", Value::Nil),
        };
        let stage = match self.rng.random_bool(clients.unanswered) {
            true if self.rng.random_bool(0.5) => Stage::Lost,
            unanswered => Stage::Waiting {
                answered: !unanswered,
            },
        };
        self.record(process, Kind::Invoke, f, argument.clone());
        Pending {
            process,
            f,
            argument,
            stage,
        }
    }

    /// Takes an operation one stage further. `None` when nothing more will come of it.
    fn advance(&mut self, op: Pending) -> Option<Pending> {
        let Pending {
            process,
            f,
            argument,
            stage,
        } = op;
        let stage = match stage {
            Stage::Waiting { answered: true } => {
                let (kind, value) = self.take_effect(f, &argument);
                Stage::Done(kind, value)
            }
            Stage::Waiting { answered: false } => {
                self.give_up(process, f, argument.clone());
                Stage::Late
            }
            Stage::Done(kind, value) => {
                self.record(process, kind, f, value);
                self.idle.push(process);
                return None;
            }
            Stage::Lost => {
                self.give_up(process, f, argument);
                return None;
            }
            // Rarely, so that some come much later.
            Stage::Late if self.rng.random_bool(0.8) => Stage::Late,
            Stage::Late => {
                self.take_effect(f, &argument);
                if !self.rng.random_bool(self.again) {
                    return None;
                }
                Stage::Late
            }
        };
        Some(Pending {
            process,
            f,
            argument,
            stage,
        })
    }

    fn take_effect(&mut self, f: &str, argument: &Value) -> (Kind, Value) {
        match (f, argument.as_seq()) {
            ("read", _) => return (Kind::Ok, self.register.clone()),
            ("cas", Some([from, to])) if *from == self.register => self.register = to.clone(),
            ("cas", _) => return (Kind::Fail, argument.clone()),
            _ => self.register = argument.clone(),
        }
        (Kind::Ok, argument.clone())
    }

    /// The client goes on as a new process.
    fn give_up(&mut self, process: u64, f: &'static str, argument: Value) {
        self.record(process, Kind::Info, f, argument);
        self.idle.push(self.next_process);
        self.next_process += 1;
    }

    fn record(&mut self, process: u64, kind: Kind, f: &'static str, argument: Value) {
        self.operations.push(Operation {
            index: 0,
            time: Duration::from_millis(self.operations.len() as u64),
            kind,
            process: Process::Client(process),
            f: Cow::Borrowed(f),
            value: Value::Vector([Value::from(self.key), argument].into()),
            error: None,
            exception: None,
            extra: Vec::new(),
        });
    }
}

/// The history with one read, drawn by `seed`, answered with another value. `None` if it has no
/// read that was answered.
pub(super) fn misread(history: &History, values: i64, seed: u64) -> Option<History> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let reads: Vec<usize> = history
        .iter()
        .filter(|op| op.kind == Kind::Ok && op.f == "read")
        .map(|op| op.index)
        .collect();
    let chosen = *reads.get(rng.random_range(0..reads.len().max(1)))?;
    let wrong = Value::from(rng.random_range(0..values));
    let mutated = history.iter().cloned().map(|mut op| {
        if op.index == chosen {
            let key = op.value.as_seq().and_then(|pair| pair.first().cloned());
            op.value = Value::vector([key.unwrap_or_default(), wrong.clone()]);
        }
        op
    });
    Some(History::new(mutated))
}
