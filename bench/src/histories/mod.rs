//! Long histories as runs of Eddy record them: operations of concurrent clients on a service that keeps
//! its promises, or breaks a certain one.
//!
//! A [`Service`] draws operations and lets them take effect; [`record`] decides when each operation
//! begins, takes effect and ends. Everything follows from a fixed seed, so the same name and length
//! always yield the same history.

mod counters;
mod logs;
mod pool;
mod registers;
mod sets;
mod transactions;

use std::time::Duration;

use eddy::check::Verdict;
use eddy::edn::Value;
use eddy::history::{History, Kind, Operation, Process};
use eddy::workload::{self, AnyWorkload};

use pool::Dice;

/// Clients that perform operations at the same time.
const CLIENTS: usize = 10;

/// The time between two entries of a history.
const STEP: Duration = Duration::from_micros(50);

/// A kind of history.
pub struct Shape {
    /// The name on the command line.
    pub name: &'static str,
    /// What clients do, and how much of it the history holds.
    pub description: &'static str,
    /// The verdict that the checker must give.
    pub verdict: Verdict,
    workload: fn() -> AnyWorkload,
    service: fn(usize) -> Box<dyn Service>,
}

/// Every kind of history.
pub const SHAPES: [Shape; 10] = [
    Shape {
        name: "broadcast",
        description: "values, and six reads that list all of them",
        verdict: Verdict::Valid,
        workload: || std::sync::Arc::new(workload::Broadcast),
        service: |operations| Box::new(sets::Complete::new("broadcast", operations)),
    },
    Shape {
        name: "g-set-forgetful",
        description: "as many adds as reads, which list only the four latest elements",
        verdict: Verdict::Invalid,
        workload: || std::sync::Arc::new(workload::GSet),
        service: |_| Box::new(sets::Forgetful::default()),
    },
    Shape {
        name: "pn-counter",
        description: "adds of -5 to 4 and reads; one of 200 operations is lost",
        verdict: Verdict::Valid,
        workload: || std::sync::Arc::new(workload::PnCounter),
        service: |_| Box::new(counters::Counter::default()),
    },
    Shape {
        name: "unique-ids",
        description: "an id per operation",
        verdict: Verdict::Valid,
        workload: || std::sync::Arc::new(workload::UniqueIds),
        service: |_| Box::new(counters::Ids::default()),
    },
    Shape {
        name: "kafka",
        description: "sends to 4 active keys of 1,024 messages, polls, assigns; one client reads all in the end",
        verdict: Verdict::Valid,
        workload: || std::sync::Arc::new(workload::Kafka),
        service: |_| Box::new(logs::Logs::new()),
    },
    Shape {
        name: "list-append",
        description: "1 to 4 reads and appends, 10 active keys of 16 appends, strictly serializable",
        verdict: Verdict::Valid,
        workload: || std::sync::Arc::new(workload::TxnListAppend),
        service: |_| Box::new(transactions::Lists::new(0)),
    },
    Shape {
        name: "list-append-stale",
        description: "the same, but one of 100 reads misses the latest elements",
        verdict: Verdict::Invalid,
        workload: || std::sync::Arc::new(workload::TxnListAppend),
        service: |_| Box::new(transactions::Lists::new(100)),
    },
    Shape {
        name: "rw-register",
        description: "1 to 4 reads and writes, 10 active keys of 16 writes, strictly serializable",
        verdict: Verdict::Valid,
        workload: || std::sync::Arc::new(workload::TxnRwRegister),
        service: |_| Box::new(transactions::Registers::new()),
    },
    Shape {
        name: "lin-kv",
        description: "reads, writes and cas of 5 values, 100 operations per key; one of 200 is lost",
        verdict: Verdict::Valid,
        workload: || std::sync::Arc::new(workload::LinKv),
        service: |_| Box::new(registers::Registers::new(0)),
    },
    Shape {
        name: "lin-kv-stale",
        description: "the same, but one of 100 reads shows an older value",
        verdict: Verdict::Invalid,
        workload: || std::sync::Arc::new(workload::LinKv),
        service: |_| Box::new(registers::Registers::new(100)),
    },
];

impl Shape {
    /// Returns the kind of history of this name.
    pub fn named(name: &str) -> Option<&'static Shape> {
        SHAPES.iter().find(|shape| shape.name == name)
    }

    /// Returns the workload that the history is of.
    pub fn workload(&self) -> AnyWorkload {
        (self.workload)()
    }

    /// Generates a history of so many operations.
    pub fn history(&self, operations: usize) -> History {
        record(&mut *(self.service)(operations), operations)
    }
}

/// A service, together with what clients ask of it.
trait Service {
    /// Draws the next operation of a client: its function and its argument.
    fn ask(&mut self, client: usize, dice: &mut Dice) -> Request;

    /// Lets an operation take effect. Returns how it ends, and its result.
    fn answer(&mut self, client: usize, request: &Request, dice: &mut Dice) -> (Kind, Value);

    /// One of this many operations is never answered. Every second one of them takes effect.
    fn lost_one_in(&self) -> u64 {
        u64::MAX
    }

    /// Takes note that a client goes on as another process.
    fn replace(&mut self, _client: usize) {}

    /// Returns the next operation after all others, which one client performs alone; `None` if
    /// there are no more.
    fn ask_last(&mut self) -> Option<Request> {
        None
    }
}

/// An operation to perform.
#[derive(Clone)]
struct Request {
    f: &'static str,
    argument: Value,
}

impl Request {
    fn new(f: &'static str, argument: impl Into<Value>) -> Request {
        Request {
            f,
            argument: argument.into(),
        }
    }
}

/// What a client does.
enum State {
    Idle,
    Asked(Request),
    Answered(&'static str, Kind, Value),
}

/// Records operations of clients on a service, and then its last operations.
fn record(service: &mut dyn Service, operations: usize) -> History {
    let mut dice = Dice::new(operations as u64);
    let mut history = History::default();
    let mut clients: Vec<(u64, State)> = (0..CLIENTS as u64).map(|id| (id, State::Idle)).collect();
    let (mut begun, mut busy) = (0, 0);
    while begun < operations || busy > 0 {
        let client = dice.below(CLIENTS as u64) as usize;
        let (process, state) = &mut clients[client];
        *state = match std::mem::replace(state, State::Idle) {
            State::Idle if begun == operations => continue,
            State::Idle => {
                let request = service.ask(client, &mut dice);
                push(
                    &mut history,
                    *process,
                    Kind::Invoke,
                    request.f,
                    request.argument.clone(),
                    false,
                );
                begun += 1;
                busy += 1;
                State::Asked(request)
            }
            State::Asked(request) if dice.one_in(service.lost_one_in()) => {
                if dice.one_in(2) {
                    service.answer(client, &request, &mut dice);
                }
                push(
                    &mut history,
                    *process,
                    Kind::Info,
                    request.f,
                    request.argument,
                    false,
                );
                service.replace(client);
                *process += CLIENTS as u64;
                busy -= 1;
                State::Idle
            }
            State::Asked(request) => {
                let (kind, value) = service.answer(client, &request, &mut dice);
                State::Answered(request.f, kind, value)
            }
            State::Answered(f, kind, value) => {
                push(&mut history, *process, kind, f, value, false);
                busy -= 1;
                State::Idle
            }
        };
    }
    // As in Eddy's final phases, a fresh client reads.
    let process = clients[0].0 + CLIENTS as u64;
    while let Some(request) = service.ask_last() {
        let (kind, value) = service.answer(0, &request, &mut dice);
        push(
            &mut history,
            process,
            Kind::Invoke,
            request.f,
            request.argument,
            true,
        );
        push(&mut history, process, kind, request.f, value, true);
    }
    history
}

fn push(
    history: &mut History,
    process: u64,
    kind: Kind,
    f: &'static str,
    value: Value,
    is_final: bool,
) {
    history.push(Operation {
        index: 0,
        time: STEP * history.len() as u32,
        kind,
        process: Process::Client(process),
        f: f.into(),
        value,
        error: None,
        exception: None,
        extra: match is_final {
            true => vec![("final?".into(), true.into())],
            false => Vec::new(),
        },
    });
}

#[cfg(test)]
mod tests {
    use eddy::check;
    use eddy::workload::Settings;

    use super::*;

    #[test]
    fn every_history_gets_its_verdict() {
        for shape in &SHAPES {
            let (history, workload) = (shape.history(5_000), shape.workload());
            let settings = Settings::of_history(&*workload);
            let results = check::check(&history, &*workload, &settings, None);
            let why = results.explanation();
            assert_eq!(results.verdict(), shape.verdict, "{}: {why:?}", shape.name);
        }
    }

    #[test]
    fn same_history_is_generated_twice() {
        let kafka = Shape::named("kafka").unwrap();
        assert_eq!(kafka.history(500), kafka.history(500));
    }
}
