//! Broken nodes whose faults the workload's checker cannot see.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use glomers::prelude::*;

type Steps = Vec<(String, i64, Option<i64>)>;

/// A request of a client or of another node.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    Txn {
        txn: Steps,
    },
    Install {
        stamp: Stamp,
        writes: Vec<(i64, i64)>,
    },
}

/// A reply to a client.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    TxnOk { txn: Steps },
}

/// A time, and the node, which orders stamps of the same time.
type Stamp = (u64, usize);

/// The flaw of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// No flaw, but no repair either: it sends each write set once, unacknowledged.
    None,
    /// Installs the write set that arrives last, not the one with the latest stamp.
    ArrivalOrder,
    /// Stamps and sends every write of a transaction separately.
    SeparateWrites,
    /// Uses a purely logical clock.
    LogicalClock,
}

/// A replica that sends the writes of its transactions to all others.
pub struct Replica {
    flaw: Flaw,
    clock: Cell<u64>,
    registers: RefCell<BTreeMap<i64, (Stamp, i64)>>,
}

impl Replica {
    pub fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            clock: Cell::default(),
            registers: RefCell::default(),
        }
    }

    fn execute(&self, txn: &mut Steps, cx: &Context) {
        let mut writes = BTreeMap::new();
        for (function, key, value) in txn {
            match value {
                Some(value) if function == "w" => {
                    writes.insert(*key, *value);
                }
                value => *value = writes.get(key).copied().or_else(|| self.read(*key)),
            }
        }
        let writes: Vec<(i64, i64)> = writes.into_iter().collect();
        if self.flaw == Flaw::SeparateWrites {
            writes
                .into_iter()
                .for_each(|write| self.commit(vec![write], cx));
        } else if !writes.is_empty() {
            self.commit(writes, cx);
        }
    }

    fn read(&self, key: i64) -> Option<i64> {
        self.registers.borrow().get(&key).map(|(_, value)| *value)
    }

    fn commit(&self, writes: Vec<(i64, i64)>, cx: &Context) {
        let wall_clock = match self.flaw {
            Flaw::LogicalClock => 0,
            _ => cx.wall_clock().as_micros() as u64,
        };
        self.clock.set(wall_clock.max(self.clock.get() + 1));
        let node = cx.nodes().iter().position(|node| **node == *cx.id());
        let stamp = (self.clock.get(), node.expect("a node knows itself"));
        self.install(stamp, &writes);
        for peer in cx.peers() {
            let writes = writes.clone();
            cx.send(peer, &Request::Install { stamp, writes });
        }
    }

    fn install(&self, stamp: Stamp, writes: &[(i64, i64)]) {
        self.clock.set(self.clock.get().max(stamp.0));
        let mut registers = self.registers.borrow_mut();
        for &(key, value) in writes {
            let held = registers.entry(key).or_insert((stamp, value));
            if held.0 < stamp || self.flaw == Flaw::ArrivalOrder {
                *held = (stamp, value);
            }
        }
    }
}

impl Node for Replica {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        Ok(match request {
            Request::Txn { mut txn } => {
                self.execute(&mut txn, cx);
                Some(Reply::TxnOk { txn })
            }
            Request::Install { stamp, writes } => {
                self.install(stamp, &writes);
                None
            }
        })
    }
}

/// A single node whose transactions write in place while others run, which allows dirty writes.
#[derive(Default)]
pub struct DirtyWrites(RefCell<BTreeMap<i64, i64>>);

impl Node for DirtyWrites {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        let Request::Txn { mut txn } = request else {
            return Ok(None);
        };
        for (function, key, value) in &mut txn {
            match value {
                Some(value) if function == "w" => {
                    let pause = Duration::from_millis(cx.rng().random_range(0..10));
                    tokio::time::sleep(pause).await;
                    self.0.borrow_mut().insert(*key, *value);
                }
                value => *value = self.0.borrow().get(key).copied(),
            }
        }
        Ok(Some(Reply::TxnOk { txn }))
    }
}
