//! Broken databases of lists, each of which the txn-list-append checker must reject.
//!
//! They are one small database with one thing wrong at a time: the first node executes transactions,
//! the others pass them on to it. The database with nothing wrong passes under the same faults.

use std::cell::RefCell;
use std::collections::BTreeMap;

use eddy::check::{Verdict, Workload};
use eddy::nemesis::{Fault, Partition, Schedule};
use eddy::net::Latency;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use glomers::prelude::*;
use tokio::time::sleep;

/// A mutant must be found on one of so many seeds.
const SEEDS: u64 = 20;

/// What is wrong with a database.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    /// Nothing.
    None,
    /// Transactions read a snapshot, and of two that wrote the same key the second is refused: that
    /// is snapshot isolation, which two transactions that read what the other writes get past.
    WriteSkew,
    /// Transactions read a snapshot, and the last writer wins.
    LostUpdate,
    /// A transaction can be seen before it is certain, and is taken back with "it was not done".
    DirtyRead,
    /// A transaction can be seen while it is half done.
    IntermediateRead,
    /// Every node answers transactions that only read from its own copy, which lags behind.
    StaleRead,
    /// A node that does not reach the first one takes over, without asking for a majority.
    SplitBrain,
}

type Lists = BTreeMap<u64, Vec<u64>>;

/// A micro-operation: `["r", key, [...]]` or `["append", key, element]`.
type MicroOp = (String, u64, Value);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Txn {
        txn: Vec<MicroOp>,
    },
    /// From the first node to the others: their copy.
    Copy {
        lists: Vec<(u64, Vec<u64>)>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    TxnOk { txn: Vec<MicroOp> },
}

struct Database {
    bug: Bug,
    lists: RefCell<Lists>,
}

impl Node for Database {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        let txn = match request {
            Request::Txn { txn } => txn,
            Request::Copy { lists } => {
                *self.lists.borrow_mut() = lists.into_iter().collect();
                return Ok(None);
            }
        };
        let first = &*cx.nodes()[0];
        let read_only = txn.iter().all(|(f, ..)| f == "r");
        if first == cx.id() || (read_only && self.bug == Bug::StaleRead) {
            return self.execute(txn, cx).await.map(Some);
        }
        let request = Request::Txn { txn };
        match cx.call_within(ms(300), first, &request).await {
            Err(error) if self.bug == Bug::SplitBrain && !error.is_definite() => {
                let Request::Txn { txn } = request else {
                    unreachable!("a transaction was passed on")
                };
                self.execute(txn, cx).await.map(Some)
            }
            outcome => outcome.map(Some),
        }
    }
}

impl Database {
    async fn execute(&self, mut txn: Vec<MicroOp>, cx: &Context) -> Result<Reply> {
        let before = self.lists.borrow().clone();
        match self.bug {
            Bug::WriteSkew | Bug::LostUpdate => {
                let mut snapshot = before.clone();
                txn.iter_mut().for_each(|op| perform(op, &mut snapshot));
                sleep(ms(20)).await;
                let written = written(&txn);
                let mut lists = self.lists.borrow_mut();
                let overtaken = written.iter().any(|key| lists.get(key) != before.get(key));
                if self.bug == Bug::WriteSkew && overtaken {
                    return Err(Error::txn_conflict("somebody else wrote the same key"));
                }
                lists.extend(written.iter().map(|key| (*key, snapshot[key].clone())));
            }
            Bug::IntermediateRead => {
                for op in &mut txn {
                    perform(op, &mut self.lists.borrow_mut());
                    sleep(ms(5)).await;
                }
            }
            _ => {
                txn.iter_mut()
                    .for_each(|op| perform(op, &mut self.lists.borrow_mut()));
                if self.bug == Bug::DirtyRead && cx.rng().random_bool(0.2) {
                    sleep(ms(20)).await;
                    self.take_back(&txn);
                    return Err(Error::abort("it was not done"));
                }
            }
        }
        let lists = self.lists.borrow().clone().into_iter().collect();
        let copy = Request::Copy { lists };
        cx.peers().iter().for_each(|peer| cx.send(peer, &copy));
        Ok(Reply::TxnOk { txn })
    }

    fn take_back(&self, txn: &[MicroOp]) {
        let mut lists = self.lists.borrow_mut();
        for (_, key, element) in txn.iter().filter(|(f, ..)| f == "append") {
            let list = lists.entry(*key).or_default();
            list.retain(|it| Some(*it) != element.as_u64());
        }
    }
}

fn perform((f, key, value): &mut MicroOp, lists: &mut Lists) {
    match (f.as_str(), value.as_u64()) {
        ("append", Some(element)) => lists.entry(*key).or_default().push(element),
        _ => {
            *value = lists
                .get(key)
                .map_or(Value::Null, |list| list.clone().into())
        }
    }
}

fn written(txn: &[MicroOp]) -> Vec<u64> {
    let appends = txn.iter().filter(|(f, ..)| f == "append");
    appends.map(|(_, key, _)| *key).collect()
}

fn run(bug: Bug, faults: fn() -> Vec<Schedule>, seed: u64) -> Run {
    let make = move |_: &Context| Database {
        bug,
        lists: RefCell::default(),
    };
    let simulation = Simulation::new(seed)
        .nodes(3, make)
        .latency(Latency::constant(ms(10)));
    let simulation = faults().into_iter().fold(simulation, Simulation::nemesis);
    simulation.run(
        Load::of(Workload::TxnListAppend)
            .rate(100.0)
            .lasting(secs(10))
            .concurrency(9),
    )
}

/// Whether the checker rejects the mutant for one of these anomalies, on one of the seeds, and never
/// the healthy database.
fn is_caught(bug: Bug, faults: fn() -> Vec<Schedule>, anomalies: &[&str]) {
    for seed in 0..SEEDS {
        run(Bug::None, faults, seed).assert_valid();
        let mutant = run(bug, faults, seed);
        let analysis = mutant.results().workload().as_dyn();
        let results = analysis.to_edn().to_string();
        let named = anomalies
            .iter()
            .find(|name| results.contains(&format!(":{name}")));
        if let (Verdict::Invalid, Some(anomaly)) = (analysis.verdict(), named) {
            eprintln!(
                "txn-list-append, {bug:?}: {anomaly}, {} seed(s) needed",
                seed + 1
            );
            return;
        }
    }
    panic!("{bug:?} is not caught on {SEEDS} seeds");
}

fn none() -> Vec<Schedule> {
    Vec::new()
}

/// Valid under snapshot isolation, and not under anything stronger.
#[test]
fn write_skew_is_caught() {
    is_caught(Bug::WriteSkew, none, &["G2-item"]);
}

#[test]
fn a_lost_update_is_caught() {
    is_caught(
        Bug::LostUpdate,
        none,
        &["lost-update", "incompatible-order"],
    );
}

#[test]
fn a_read_of_what_never_happened_is_caught() {
    is_caught(Bug::DirtyRead, none, &["G1a", "dirty-update"]);
}

#[test]
fn a_transaction_seen_half_done_is_caught() {
    is_caught(
        Bug::IntermediateRead,
        none,
        &["G1b", "G-single-item", "G1c"],
    );
}

/// Serializable, and still wrong: who was told that a transaction is done may not be shown a state
/// without it.
#[test]
fn a_read_from_a_copy_that_lags_is_caught() {
    is_caught(Bug::StaleRead, none, &["G-single-item-realtime"]);
}

#[test]
fn two_nodes_that_both_think_they_decide_are_caught() {
    let faults = || vec![Partition::one().every(secs(2))];
    is_caught(
        Bug::SplitBrain,
        faults,
        &["incompatible-order", "G-nonadjacent-item-realtime"],
    );
}
