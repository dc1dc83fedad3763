//! Broken key-value stores, each of which the lin-kv checker must reject.
//!
//! They are one small store with one bug each: the first node holds the registers, and the others
//! forward requests to it. The store without a bug passes under the same faults, so the checker
//! rejects the bug and not the simple implementation.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use tokio::time::sleep;

use crate::specimens::{Mutant, Specimens};
use crate::world::World;

/// The bug of a store.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    /// No bug.
    None,
    /// Every node answers reads from its own copy, which lags behind.
    StaleRead,
    /// A node that cannot reach the first one takes over without a majority.
    SplitBrain,
    /// Compare-and-set compares, waits, and then sets.
    LostUpdate,
    /// A write is visible before it is certain, and may be undone and answered with a definite
    /// error.
    DirtyRead,
    /// A request that was not answered in time is forwarded again.
    RetriedWrite,
    /// A snapshot is restored over later changes.
    StaleSnapshot,
    /// Acknowledged changes reach the disk later.
    UnsyncedWrite,
}

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::LinKv,
    |world, seed| run(Bug::None, world, seed),
    &[
        Mutant {
            flaw: "read from a copy that lags",
            world: World::Distance,
            anomaly: "not linearizable",
            run: |world, seed| run(Bug::StaleRead, world, seed),
        },
        Mutant {
            flaw: "decide without a majority",
            world: World::OneCutOff,
            anomaly: "not linearizable",
            run: |world, seed| run(Bug::SplitBrain, world, seed),
        },
        Mutant {
            flaw: "compare and set in two steps",
            world: World::Distance,
            anomaly: "not linearizable",
            run: |world, seed| run(Bug::LostUpdate, world, seed),
        },
        Mutant {
            flaw: "show a write and then undo it",
            world: World::Distance,
            anomaly: "not linearizable",
            run: |world, seed| run(Bug::DirtyRead, world, seed),
        },
        Mutant {
            flaw: "repeat a write that may have succeeded",
            world: World::LossAndDisorder,
            anomaly: "not linearizable",
            run: |world, seed| run(Bug::RetriedWrite, world, seed),
        },
        Mutant {
            flaw: "restore an old snapshot",
            world: World::Distance,
            anomaly: "not linearizable",
            run: |world, seed| run(Bug::StaleSnapshot, world, seed),
        },
        Mutant {
            flaw: "acknowledge a write before it is on the disk",
            world: World::OneDeath,
            anomaly: "not linearizable",
            run: |world, seed| run(Bug::UnsyncedWrite, world, seed),
        },
    ],
);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Read {
        key: u64,
    },
    Write {
        key: u64,
        value: u64,
    },
    Cas {
        key: u64,
        from: u64,
        to: u64,
    },
    /// A copy of the registers, sent from the first node to the others.
    Copy {
        registers: Vec<(u64, u64)>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    ReadOk { value: u64 },
    WriteOk {},
    CasOk {},
}

struct Store {
    bug: Bug,
    registers: RefCell<BTreeMap<u64, u64>>,
    /// The disk of the first node, which may be killed.
    disk: Disk,
}

type Disk = Rc<RefCell<BTreeMap<u64, u64>>>;

impl Node for Store {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        if let Request::Copy { registers } = request {
            *self.registers.borrow_mut() = registers.into_iter().collect();
            return Ok(None);
        }
        let first = &*cx.nodes()[0];
        let is_read = matches!(request, Request::Read { .. });
        if self.is_first(cx) || (is_read && self.bug == Bug::StaleRead) {
            return self.execute(request, cx).await.map(Some);
        }
        let attempt = async || cx.call_within(ms(300), first, &request).await;
        let forwarded = match self.bug {
            Bug::RetriedWrite => cx.retry(Backoff::default().within(secs(3)), attempt).await,
            _ => attempt().await,
        };
        match forwarded {
            Err(error) if self.bug == Bug::SplitBrain && !error.is_definite() => {
                self.execute(request, cx).await.map(Some)
            }
            outcome => outcome.map(Some),
        }
    }

    async fn background(&self, cx: &Context) {
        if self.bug == Bug::UnsyncedWrite && self.is_first(cx) {
            loop {
                sleep(ms(500)).await;
                *self.disk.borrow_mut() = self.registers.borrow().clone();
            }
        }
        if self.bug != Bug::StaleSnapshot {
            return;
        }
        loop {
            sleep(secs(2)).await;
            let snapshot = self.registers.borrow().clone();
            sleep(ms(300)).await;
            *self.registers.borrow_mut() = snapshot;
            cx.log("restored a snapshot");
        }
    }
}

impl Store {
    fn is_first(&self, cx: &Context) -> bool {
        *cx.nodes()[0] == *cx.id()
    }

    async fn execute(&self, request: Request, cx: &Context) -> Result<Reply> {
        let current = |key| self.registers.borrow().get(&key).copied();
        let reply = match request {
            Request::Read { key } => {
                let value = current(key).ok_or_else(missing)?;
                return Ok(Reply::ReadOk { value });
            }
            Request::Write { key, value } => {
                let before = self.registers.borrow_mut().insert(key, value);
                if self.bug == Bug::DirtyRead && cx.rng().random_bool(0.3) {
                    sleep(ms(20)).await;
                    self.undo(key, before);
                    return Err(Error::abort("the write was undone"));
                }
                Reply::WriteOk {}
            }
            Request::Cas { key, from, to } => {
                if current(key).ok_or_else(missing)? != from {
                    return Err(Error::precondition_failed("another value"));
                }
                if self.bug == Bug::LostUpdate {
                    sleep(ms(20)).await;
                }
                self.registers.borrow_mut().insert(key, to);
                Reply::CasOk {}
            }
            Request::Copy { .. } => unreachable!("copies are not executed"),
        };
        if self.is_first(cx) && self.bug != Bug::UnsyncedWrite {
            *self.disk.borrow_mut() = self.registers.borrow().clone();
        }
        let registers = self.registers.borrow().clone().into_iter().collect();
        let copy = Request::Copy { registers };
        cx.peers().iter().for_each(|peer| cx.send(peer, &copy));
        Ok(reply)
    }

    fn undo(&self, key: u64, before: Option<u64>) {
        let mut registers = self.registers.borrow_mut();
        match before {
            Some(value) => registers.insert(key, value),
            None => registers.remove(&key),
        };
    }
}

fn missing() -> Error {
    Error::key_does_not_exist("never written")
}

fn run(bug: Bug, world: World, seed: Seed) -> Run {
    let disk = Disk::default();
    let make = move |_: &Context| Store {
        bug,
        registers: (*disk).clone(),
        disk: Rc::clone(&disk),
    };
    let nodes = Simulation::new(seed).nodes(3, make);
    let load = Load::of(workload::LinKv).rate(200.0).time_limit(secs(10));
    world.around(nodes).run(load.concurrency(6))
}

#[test]
fn every_mutant_is_rejected_for_its_flaw() {
    SPECIMENS.assert_rejected();
}

#[test]
fn correct_store_is_accepted_where_mutants_are_rejected() {
    SPECIMENS.assert_sibling_accepted();
}
