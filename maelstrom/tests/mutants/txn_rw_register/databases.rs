//! Ways of executing transactions on one node.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use glomers::prelude::*;

use super::Function::{R, W};
use super::{Database, MicroOp, Registers, last_writes, pause, perform};

/// Executes one transaction after the other, which is correct.
#[derive(Default)]
pub struct Serial(RefCell<Registers>);

impl Database for Serial {
    async fn execute(&self, txn: &mut [MicroOp], cx: &Context) -> Result<()> {
        pause(cx).await;
        let writes = perform(txn, |key| self.0.borrow().get(&key).copied());
        self.0.borrow_mut().extend(writes);
        pause(cx).await;
        Ok(())
    }
}

/// Writes in place, and undoes the writes if the transaction fails.
#[derive(Default)]
pub struct TakesBack(RefCell<Registers>);

impl Database for TakesBack {
    async fn execute(&self, txn: &mut [MicroOp], cx: &Context) -> Result<()> {
        let before = self.0.borrow().clone();
        let writes = perform(txn, |key| self.0.borrow().get(&key).copied());
        self.0.borrow_mut().extend(writes.clone());
        pause(cx).await;
        if cx.rng().random_bool(0.8) {
            return Ok(());
        }
        let mut registers = self.0.borrow_mut();
        for (key, value) in writes {
            if registers.get(&key) == Some(&value) {
                match before.get(&key) {
                    Some(value) => registers.insert(key, *value),
                    None => registers.remove(&key),
                };
            }
        }
        Err(Error::txn_conflict("the writes were undone"))
    }
}

/// Writes in place, step by step.
#[derive(Default)]
pub struct StepByStep(RefCell<Registers>);

impl Database for StepByStep {
    async fn execute(&self, txn: &mut [MicroOp], cx: &Context) -> Result<()> {
        for (function, key, value) in txn {
            match (function, &value) {
                (W, Some(value)) => {
                    self.0.borrow_mut().insert(*key, *value);
                }
                _ => *value = self.0.borrow().get(key).copied(),
            }
            pause(cx).await;
        }
        Ok(())
    }
}

/// Writes all at once, and only then reads.
#[derive(Default)]
pub struct WritesFirst(RefCell<Registers>);

impl Database for WritesFirst {
    async fn execute(&self, txn: &mut [MicroOp], cx: &Context) -> Result<()> {
        self.0.borrow_mut().extend(last_writes(txn));
        for (_, key, value) in txn.iter_mut().filter(|(function, ..)| *function == R) {
            pause(cx).await;
            *value = self.0.borrow().get(key).copied();
        }
        Ok(())
    }
}

/// Lets transactions read values that others have not yet written.
///
/// The order of versions shows that. It is all that reads show of the order of writes, and the only
/// reason for which this workload ever rejects a database at read uncommitted.
#[derive(Default)]
pub struct AboutToWrite {
    next: Cell<u64>,
    open: RefCell<BTreeMap<u64, Registers>>,
    registers: RefCell<Registers>,
}

impl Database for AboutToWrite {
    async fn execute(&self, txn: &mut [MicroOp], cx: &Context) -> Result<()> {
        let me = self.next.replace(self.next.get() + 1);
        self.open.borrow_mut().insert(me, last_writes(txn));
        pause(cx).await;
        let writes = perform(txn, |key| {
            let open = self.open.borrow();
            let mut others = open.iter().filter(|(other, _)| **other != me);
            let theirs = others.find_map(|(_, writes)| writes.get(&key).copied());
            theirs.or_else(|| self.registers.borrow().get(&key).copied())
        });
        pause(cx).await;
        self.open.borrow_mut().remove(&me);
        self.registers.borrow_mut().extend(writes);
        Ok(())
    }
}

/// Does not see its own writes.
#[derive(Default)]
pub struct Forgetful(RefCell<Registers>);

impl Database for Forgetful {
    async fn execute(&self, txn: &mut [MicroOp], _: &Context) -> Result<()> {
        let writes = last_writes(txn);
        for (_, key, value) in txn.iter_mut().filter(|(function, ..)| *function == R) {
            *value = self.0.borrow().get(key).copied();
        }
        self.0.borrow_mut().extend(writes);
        Ok(())
    }
}

/// Reads committed values, each register once and at the time of its first step; writes at the end.
#[derive(Default)]
pub struct ReadsCommitted(RefCell<Registers>);

impl Database for ReadsCommitted {
    async fn execute(&self, txn: &mut [MicroOp], cx: &Context) -> Result<()> {
        let mut seen = Registers::new();
        let mut writes = Registers::new();
        for step in txn {
            pause(cx).await;
            let key = step.1;
            let committed = self.0.borrow().get(&key).copied();
            let held = writes.get(&key).or(seen.get(&key)).copied().or(committed);
            if let Some(value) = held {
                seen.insert(key, value);
            }
            writes.extend(perform(std::slice::from_mut(step), |_| held));
        }
        self.0.borrow_mut().extend(writes);
        Ok(())
    }
}

/// Reads from a snapshot, and does not check whether others have written since.
#[derive(Default)]
pub struct Careless(RefCell<Registers>);

impl Database for Careless {
    async fn execute(&self, txn: &mut [MicroOp], cx: &Context) -> Result<()> {
        let snapshot = self.0.borrow().clone();
        pause(cx).await;
        let writes = perform(txn, |key| snapshot.get(&key).copied());
        self.0.borrow_mut().extend(writes);
        Ok(())
    }
}

/// Reads from a snapshot; of two that write to one register, the first to commit wins.
#[derive(Default)]
pub struct Snapshots {
    registers: RefCell<Registers>,
    /// How often each register was written.
    versions: RefCell<BTreeMap<i64, u64>>,
}

impl Database for Snapshots {
    async fn execute(&self, txn: &mut [MicroOp], cx: &Context) -> Result<()> {
        let snapshot = self.registers.borrow().clone();
        let versions = self.versions.borrow().clone();
        pause(cx).await;
        let writes = perform(txn, |key| snapshot.get(&key).copied());
        let mut current = self.versions.borrow_mut();
        if writes
            .keys()
            .any(|key| versions.get(key) != current.get(key))
        {
            return Err(Error::txn_conflict("another transaction committed first"));
        }
        for (key, value) in writes {
            *current.entry(key).or_default() += 1;
            self.registers.borrow_mut().insert(key, value);
        }
        Ok(())
    }
}

/// Answers read-only transactions from a copy, which is renewed after every 20 transactions.
#[derive(Default)]
pub struct Stale {
    registers: RefCell<Registers>,
    copy: RefCell<Registers>,
    executed: Cell<u64>,
}

impl Database for Stale {
    async fn execute(&self, txn: &mut [MicroOp], _: &Context) -> Result<()> {
        self.executed.set(self.executed.get() + 1);
        if self.executed.get().is_multiple_of(20) {
            self.copy.replace(self.registers.borrow().clone());
        }
        let reads_only = last_writes(txn).is_empty();
        let source = if reads_only {
            &self.copy
        } else {
            &self.registers
        };
        let writes = perform(txn, |key| source.borrow().get(&key).copied());
        self.registers.borrow_mut().extend(writes);
        Ok(())
    }
}
