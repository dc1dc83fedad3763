//! Lin-kv: registers that must be linearizable, one by one.
//!
//! Checking linearizability is expensive, so each register is used by a group of few threads, twice
//! as many as there are nodes, and only for a while: a group moves on to a fresh key once too many
//! processes took part (every operation of unknown outcome adds one).

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use rand::RngExt;
use rand::seq::IteratorRandom;
use serde_json::{Value as Json, json};

use super::{Client, Fields, Malformed, Phases, Rules, Settings, Step, Workload};
use crate::check::{Analysis, linearizable};
use crate::edn::Value;
use crate::generator::{Generator, Invocation, Next, Stagger, Threads, Turn};
use crate::history::History;
use crate::seed::ChaCha8Rng;

/// Upstream's limit of processes per key. It is below the size of a group of 11 nodes or more, at
/// which upstream never finds a usable key; there, the limit is the size of the group.
const PROCESSES_PER_KEY: usize = 20;

/// The lin-kv workload.
#[derive(Clone, Copy, Debug)]
pub struct LinKv;

impl Workload for LinKv {
    fn name(&self) -> &str {
        "lin-kv"
    }

    fn summary(&self) -> &str {
        "linearizable registers with read, write and compare-and-set"
    }

    fn protocol(&self) -> &str {
        include_str!("protocol.md")
    }

    fn functions(&self) -> &[&str] {
        &["read", "write", "cas"]
    }

    fn validate(&self, settings: &Settings) -> Result<(), String> {
        let (threads, group) = (settings.concurrency, 2 * settings.nodes.len());
        match threads > 0 && threads.is_multiple_of(group) {
            true => Ok(()),
            false => Err(format!(
                "lin-kv needs a concurrency that is a multiple of twice the number of nodes: \
                 {threads} is no multiple of {group} (try --concurrency 2n)"
            )),
        }
    }

    fn phases(&self, settings: &Settings) -> Phases {
        let (nodes, threads) = (settings.nodes.len(), settings.concurrency);
        let group = 2 * nodes;
        let registers = Registers {
            readers: 0..nodes,
            groups: (0..threads / group)
                .map(|i| Group {
                    threads: i * group..(i + 1) * group,
                    key: None,
                    seen: BTreeSet::new(),
                })
                .collect(),
            next_key: 0,
            processes_max: PROCESSES_PER_KEY.max(group),
        };
        Phases::main(Stagger::new(settings.rate, registers))
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(LinKvClient)
    }

    fn rules(&self, settings: &Settings) -> Rules {
        Rules {
            idempotent: vec!["read".into()],
            reusable: true,
            timeout: (settings.latency * 10).max(Duration::from_secs(1)),
            ..Rules::default()
        }
    }

    fn check(&self, history: &History, _: &Settings) -> Box<dyn Analysis> {
        Box::new(linearizable::check(history))
    }
}

/// All groups of threads, and the keys they use.
struct Registers {
    /// The threads that read, where they belong to a group: those of the first group only. In other
    /// groups every thread writes. (Upstream counts threads from the first one of all, not of the
    /// group.)
    readers: Range<usize>,
    groups: Vec<Group>,
    next_key: u64,
    processes_max: usize,
}

/// Threads that share a key at a time.
struct Group {
    threads: Range<usize>,
    key: Option<u64>,
    /// The processes that the threads have been since they began to use the key.
    seen: BTreeSet<u64>,
}

impl Generator for Registers {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        let free = |threads: &Range<usize>| threads.clone().any(|t| turn.threads.is_free(t));
        let able = self.groups.iter_mut().filter(|group| free(&group.threads));
        let Some(group) = able.choose(turn.rng) else {
            return Next::Wait(None);
        };
        let (readers, writers) = group.split(&self.readers);
        let reads = match (free(&readers), free(&writers)) {
            (true, true) => turn.rng.random_bool(0.5),
            (readers_free, _) => readers_free,
        };
        let admitted = if reads { readers } else { writers };
        let thread = turn
            .threads
            .next_free_among(|thread| admitted.contains(&thread));
        let thread = thread.expect("a free thread was seen in this range");

        let key = group.key(turn.threads, self.processes_max, &mut self.next_key);
        let invocation = if reads {
            read(key)
        } else {
            change(key, turn.rng)
        };
        Next::Invoke {
            thread,
            at: turn.now,
            invocation,
        }
    }
}

impl Group {
    /// The key to use now: a fresh one at first, and once more than `processes_max` processes have
    /// been here since it was begun.
    fn key(&mut self, threads: &Threads, processes_max: usize, next_key: &mut u64) -> u64 {
        let processes = self.threads.clone().map(|thread| threads.process(thread));
        self.seen.extend(processes.clone());
        if self.seen.len() > processes_max {
            self.seen = processes.collect();
            self.key = None;
        }
        *self.key.get_or_insert_with(|| {
            *next_key += 1;
            *next_key - 1
        })
    }

    /// The threads that read and those that write.
    fn split(&self, readers: &Range<usize>) -> (Range<usize>, Range<usize>) {
        let border = readers.end.clamp(self.threads.start, self.threads.end);
        (self.threads.start..border, border..self.threads.end)
    }
}

fn read(key: u64) -> Invocation {
    Invocation::new("read", keyed(key.into(), Value::Nil))
}

/// A write, or twice as often a compare-and-set.
fn change(key: u64, rng: &mut ChaCha8Rng) -> Invocation {
    let mut value = || Value::from(rng.random_range(0..5));
    let (a, b) = (value(), value());
    match rng.random_range(0..3) {
        0 => Invocation::new("write", keyed(key.into(), a)),
        _ => Invocation::new("cas", keyed(key.into(), Value::Vector([a, b].into()))),
    }
}

/// A value in the history, beside the key that it is about.
fn keyed(key: Value, value: Value) -> Value {
    Value::Vector([key, value].into())
}

struct LinKvClient;

impl Client for LinKvClient {
    fn invoke(&mut self, invocation: &Invocation) -> Step {
        let (key, value) = parts(&invocation.value);
        let key = key.to_json();
        Step::Call(match (&*invocation.f, value.as_seq()) {
            ("cas", Some([from, to])) => {
                json!({ "type": "cas", "key": key, "from": from.to_json(), "to": to.to_json() })
            }
            ("write", _) => json!({ "type": "write", "key": key, "value": value.to_json() }),
            _ => json!({ "type": "read", "key": key }),
        })
    }

    fn reply(&mut self, invocation: &Invocation, body: &Json) -> Result<Step, Malformed> {
        let reply_type = match &*invocation.f {
            "read" => "read_ok",
            "write" => "write_ok",
            _ => "cas_ok",
        };
        let mut fields = Fields::of(body, reply_type)?;
        let value = match &*invocation.f {
            "read" => keyed(
                parts(&invocation.value).0.clone(),
                fields.take_any("value")?,
            ),
            _ => invocation.value.clone(),
        };
        fields.end()?;
        Ok(Step::Ok(value))
    }
}

/// The key and the value of an operation on a register.
fn parts(value: &Value) -> (&Value, &Value) {
    match value.as_seq() {
        Some([key, value]) => (key, value),
        _ => panic!("an operation of lin-kv has a key and a value, not {value}"),
    }
}
