//! The workloads against nodes of a few lines, in a bench of one screen.

mod counters_and_sets;
mod kafka;
mod kafka_client;
mod lin_kv;
mod pages;
mod schemas;
mod txn;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::*;
use crate::generator::{Next, Threads, Turn};
use crate::history::{History, Kind, Operation, Process};
use crate::seed::{ChaCha8Rng, Seed};

/// Every call is answered this long after it was made.
const CALL: Duration = Duration::from_millis(1);

/// A bench without a network: calls go straight to `node`, which is given the thread that calls
/// and the body of the request. Its answer is `None` if there is none.
struct Bench<'a, N> {
    workload: &'a dyn Workload,
    settings: Settings,
    node: N,
    rng: ChaCha8Rng,
    threads: Threads,
    clients: Vec<Option<Box<dyn Client>>>,
    /// The completions to come, by time.
    pending: BTreeMap<(Duration, usize), Operation>,
    history: History,
    now: Duration,
}

/// Settings without options; [`run`] adds the defaults of the workload's.
fn settings(nodes: usize, concurrency: usize, rate: f64) -> Settings {
    Settings {
        concurrency,
        rate,
        ..Settings::new(&Echo, (0..nodes).map(|i| format!("n{i}")).collect())
    }
}

/// The history of a run of `seconds`, and of the final phase if there is one.
fn run(
    workload: &dyn Workload,
    settings: Settings,
    seconds: u64,
    node: impl FnMut(usize, &Json) -> Option<Json>,
) -> History {
    let settings = Settings {
        options: Options::defaults(&workload.options()),
        ..settings
    };
    let Phases { mut main, last } = workload.phases(&settings);
    let mut bench = Bench {
        workload,
        node,
        rng: Seed(0).stream("generator"),
        threads: Threads::new(settings.concurrency),
        clients: (0..settings.concurrency).map(|_| None).collect(),
        pending: BTreeMap::new(),
        history: History::default(),
        now: Duration::ZERO,
        settings,
    };
    bench.phase(main.as_mut(), Duration::from_secs(seconds));
    if let Some(mut phase) = last {
        bench.now += Duration::from_secs(10);
        let end = bench.now + phase.limit.unwrap_or(Duration::from_secs(3600));
        bench.phase(phase.generator.as_mut(), end);
    }
    bench.history
}

impl<N: FnMut(usize, &Json) -> Option<Json>> Bench<'_, N> {
    fn phase(&mut self, generator: &mut dyn Generator, end: Duration) {
        loop {
            let mut turn = Turn {
                now: self.now,
                threads: &self.threads,
                rng: &mut self.rng,
            };
            let due = match generator.next(&mut turn) {
                _ if self.now >= end => break,
                Next::Invoke {
                    thread, invocation, ..
                } => {
                    self.begin(thread, &invocation, generator);
                    continue;
                }
                Next::Wait(due) => due,
                Next::Done => break,
            };
            assert!(
                due.is_none_or(|due| due > self.now),
                "asked to wait for the past"
            );
            let completion = self.pending.keys().next().map(|(at, _)| *at);
            self.now = [due, completion, Some(end)]
                .into_iter()
                .flatten()
                .min()
                .expect("an end");
            self.complete_due(generator);
        }
        while let Some((at, _)) = self.pending.keys().next() {
            self.now = *at;
            self.complete_due(generator);
        }
    }

    fn begin(&mut self, thread: usize, invocation: &Invocation, generator: &mut dyn Generator) {
        self.threads.dispatch(Some(thread));
        let process = Process::Client(self.threads.process(thread));
        let operation = Operation {
            index: 0,
            time: self.now,
            kind: Kind::Invoke,
            process,
            f: invocation.f.clone(),
            value: invocation.value.clone(),
            error: None,
            exception: None,
            extra: invocation.extra.clone(),
        };
        generator.observe(self.history.push(operation.clone()));
        let (duration, kind, value) = self.perform(thread, invocation);
        let value = value.unwrap_or(operation.value);
        let operation = Operation {
            kind,
            value,
            ..operation
        };
        self.pending
            .insert((self.now + duration, thread), operation);
    }

    /// How long an operation takes, how it ends, and what it yields.
    fn perform(
        &mut self,
        thread: usize,
        invocation: &Invocation,
    ) -> (Duration, Kind, Option<Value>) {
        let rules = self.workload.rules(&self.settings);
        let uncertain = match rules.idempotent.contains(&invocation.f) {
            true => Kind::Fail,
            false => Kind::Info,
        };
        let fresh = || self.workload.client(&self.settings);
        let client = self.clients[thread].get_or_insert_with(fresh);
        let mut step = client.invoke(invocation);
        let mut duration = CALL;
        loop {
            let request = match step {
                Step::Call(request) => request,
                Step::Ok(value) => return (duration, Kind::Ok, Some(value)),
                Step::Crash => return (duration, Kind::Info, None),
            };
            duration += CALL;
            match (self.node)(thread, &request) {
                None => return (duration + rules.timeout, uncertain, None),
                Some(body) if body["type"] == "error" => return (duration, Kind::Fail, None),
                Some(body) => match client.reply(invocation, &body) {
                    Ok(next) => step = next,
                    Err(_) => return (duration, Kind::Info, None),
                },
            }
        }
    }

    fn complete_due(&mut self, generator: &mut dyn Generator) {
        while let Some(entry) = self.pending.first_entry().filter(|e| e.key().0 <= self.now) {
            let ((time, thread), operation) = entry.remove_entry();
            let crashed = operation.kind == Kind::Info;
            if crashed && !self.workload.rules(&self.settings).reusable {
                self.clients[thread] = None;
            }
            self.threads.release(thread, crashed);
            generator.observe(self.history.push(Operation { time, ..operation }));
        }
    }
}

/// The workload called `name`.
fn named(name: &str) -> AnyWorkload {
    Workloads::default().find(name).expect("a workload")
}

/// The node that answers everything with the shortest reply of the right type.
fn yes(_: usize, request: &Json) -> Option<Json> {
    let kind = request["type"].as_str().expect("a request has a type");
    let mut reply = json!({ "type": format!("{kind}_ok"), "in_reply_to": 1 });
    match kind {
        "txn" => reply["txn"] = request["txn"].clone(),
        "read" => reply["value"] = Json::Null,
        _ => {}
    }
    Some(reply)
}

fn invocations(history: &History) -> impl Iterator<Item = &Operation> {
    history.iter().filter(|op| op.kind == Kind::Invoke)
}

/// The thread that performed an operation.
fn of_thread(op: &Operation, concurrency: usize) -> usize {
    match op.process {
        Process::Client(process) => process as usize % concurrency,
        Process::Nemesis => panic!("no nemesis takes part"),
    }
}

/// How many invocations there are of each function.
fn functions(history: &History) -> BTreeMap<String, usize> {
    let mut functions = BTreeMap::new();
    for op in invocations(history) {
        *functions.entry(op.f.to_string()).or_default() += 1;
    }
    functions
}

/// Asserts that `count` of `total` is a plausible outcome of so many draws at `probability`: at
/// most four standard deviations off.
#[track_caller]
fn assert_fraction(count: usize, total: usize, probability: f64) {
    let (count, total) = (count as f64, total as f64);
    let deviation = (total * probability * (1.0 - probability)).sqrt();
    let off = (count - total * probability).abs();
    assert!(
        off <= 4.0 * deviation,
        "{count} of {total} at probability {probability}"
    );
}

/// As upstream has it.
#[test]
fn errors_become_outcomes_by_each_workloads_own_rules() {
    let second = |seconds| Duration::from_secs(seconds);
    let expected: [(&str, bool, &[&str], bool, Duration); 10] = [
        ("broadcast", true, &["read"], false, second(5)),
        ("echo", true, &[], false, second(5)),
        ("g-counter", false, &[], false, second(5)),
        ("g-set", false, &[], false, second(5)),
        ("kafka", true, &["assign"], false, second(5)),
        ("lin-kv", true, &["read"], true, second(1)),
        ("pn-counter", false, &[], false, second(5)),
        ("txn-list-append", true, &[], true, second(5)),
        ("txn-rw-register", true, &[], true, second(5)),
        ("unique-ids", true, &[], true, second(5)),
    ];
    for (name, handles_errors, idempotent, reusable, timeout) in expected {
        let rules = named(name).rules(&settings(1, 1, 1.0));
        assert_eq!(rules.handles_errors, handles_errors, "{name}");
        assert_eq!(rules.idempotent, idempotent, "{name}");
        assert_eq!(rules.reusable, reusable, "{name}");
        assert_eq!(rules.timeout, timeout, "{name}");
    }
}

#[test]
fn at_a_rate_of_zero_there_are_no_operations() {
    for workload in built_in() {
        let settings = Settings {
            options: Options::defaults(&workload.options()),
            ..settings(1, 2, 0.0)
        };
        let mut generator = workload.phases(&settings).main;
        let mut turn = Turn {
            now: Duration::ZERO,
            threads: &Threads::new(2),
            rng: &mut Seed(0).stream("generator"),
        };
        assert!(matches!(generator.next(&mut turn), Next::Wait(None)));
    }
}

#[test]
fn two_runs_from_one_seed_are_the_same() {
    for workload in built_in() {
        let history = || run(&*workload, settings(1, 2, 100.0), 5, yes);
        assert_eq!(history(), history(), "{workload:?}");
    }
}
