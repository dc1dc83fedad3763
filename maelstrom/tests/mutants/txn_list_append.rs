//! Broken databases of lists, each of which the txn-list-append checker must reject.
//!
//! They are one small database with one bug each: the first node executes transactions, and the
//! others forward them to it. The database without a bug passes under the same faults.

use std::cell::RefCell;
use std::collections::BTreeMap;

use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use tokio::time::sleep;

use crate::specimens::{Mutant, Specimens};
use crate::world::World;

/// The bug of a database.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    /// No bug.
    None,
    /// Transactions read a snapshot, and of two that wrote the same key the second is refused. That
    /// is snapshot isolation, which accepts two transactions that each read what the other writes.
    WriteSkew,
    /// Transactions read a snapshot, and the last writer wins.
    LostUpdate,
    /// A transaction is visible before it is certain, and may be undone and answered with a
    /// definite error.
    DirtyRead,
    /// A transaction is visible between its steps.
    IntermediateRead,
    /// Every node answers read-only transactions from its own copy, which lags behind.
    StaleRead,
    /// A node that cannot reach the first one takes over without a majority.
    SplitBrain,
}

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::TxnListAppend,
    |world, seed| run(Bug::None, world, seed),
    &[
        Mutant {
            flaw: "refuse only the second of two writes to a snapshot",
            world: World::Distance,
            anomaly: "G2-item",
            run: |world, seed| run(Bug::WriteSkew, world, seed),
        },
        Mutant {
            flaw: "let the last writer win",
            world: World::Distance,
            anomaly: "lost-update",
            run: |world, seed| run(Bug::LostUpdate, world, seed),
        },
        Mutant {
            flaw: "show a transaction and then undo it",
            world: World::Distance,
            anomaly: "G1a",
            run: |world, seed| run(Bug::DirtyRead, world, seed),
        },
        Mutant {
            flaw: "show a transaction between its steps",
            world: World::Distance,
            anomaly: "G1b",
            run: |world, seed| run(Bug::IntermediateRead, world, seed),
        },
        Mutant {
            flaw: "read from a copy that lags",
            world: World::Distance,
            anomaly: "G-single-item-realtime",
            run: |world, seed| run(Bug::StaleRead, world, seed),
        },
        Mutant {
            flaw: "decide without a majority",
            world: World::OneCutOff,
            anomaly: "incompatible-order",
            run: |world, seed| run(Bug::SplitBrain, world, seed),
        },
    ],
);

type Lists = BTreeMap<u64, Vec<u64>>;

/// A micro-operation: `["r", key, [...]]` or `["append", key, element]`.
type MicroOp = (String, u64, Value);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Txn {
        txn: Vec<MicroOp>,
    },
    /// A copy of the lists, sent from the first node to the others.
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
                    unreachable!("the other nodes forward transactions")
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
                    return Err(Error::txn_conflict(
                        "another transaction wrote the same key",
                    ));
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
                    return Err(Error::abort("the transaction was undone"));
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

fn run(bug: Bug, world: World, seed: Seed) -> Run {
    let make = move |_: &Context| Database {
        bug,
        lists: RefCell::default(),
    };
    let nodes = Simulation::new(seed).nodes(3, make);
    let load = Load::of(workload::TxnListAppend).rate(100.0);
    world
        .around(nodes)
        .run(load.time_limit(secs(10)).concurrency(9))
}

#[test]
fn every_mutant_is_rejected_for_its_flaw() {
    SPECIMENS.assert_rejected();
}

#[test]
fn correct_database_is_accepted_where_mutants_are_rejected() {
    SPECIMENS.assert_sibling_accepted();
}
