//! Databases of registers that are wrong on purpose: the workload rejects each of them for what is
//! wrong with it, at the level that forbids it.
//!
//! Beside each stands the strongest of the levels in question that it does satisfy: there it must
//! pass, so that nothing is rejected for a wrong reason.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use eddy::check::txn::{TxnAnalysis, rw_register};
use eddy::check::{Analysis, Verdict, Workload};
use eddy::simulation::{Load, Simulation, for_seeds, secs};
use glomers::prelude::*;

/// So many seeds are tried. Each of them is enough for each of the mutants.
const SEEDS: u64 = 4;

/// A way of executing transactions on one node.
trait Database: 'static {
    async fn execute(&self, txn: &mut [MicroOp], cx: &Context) -> Result<()>;
}

/// `[f, key, value]`.
type MicroOp = (Function, i64, Option<i64>);

type Registers = BTreeMap<i64, i64>;

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Function {
    R,
    W,
}
use Function::{R, W};

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Txn { txn: Vec<MicroOp> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    TxnOk { txn: Vec<MicroOp> },
}

/// The node of a database.
struct Mutant<D>(D);

impl<D: Database> Node for Mutant<D> {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, Request::Txn { mut txn }: Request, cx: &Context) -> Result<Reply> {
        self.0.execute(&mut txn, cx).await?;
        Ok(Reply::TxnOk { txn })
    }
}

/// Lets other transactions go on.
async fn pause(cx: &Context) {
    let pause = Duration::from_millis(cx.rng().random_range(0..10));
    tokio::time::sleep(pause).await;
}

/// The last write of a transaction to each of its registers.
fn last_writes(txn: &[MicroOp]) -> Registers {
    let writes = txn.iter().filter(|(function, ..)| *function == W);
    writes
        .filter_map(|&(_, key, value)| Some((key, value?)))
        .collect()
}

/// Performs the steps of a transaction on a view of its own; gives what it writes.
fn perform(txn: &mut [MicroOp], mut read: impl FnMut(i64) -> Option<i64>) -> Registers {
    let mut writes = Registers::new();
    for (function, key, value) in txn {
        match (function, &value) {
            (W, Some(value)) => {
                writes.insert(*key, *value);
            }
            _ => *value = writes.get(key).copied().or_else(|| read(*key)),
        }
    }
    writes
}

/// Runs a mutant under much contention.
fn analyses<D: Database>(make: fn() -> D, check: impl Fn(&dyn Fn(&str) -> TxnAnalysis) + Sync) {
    for_seeds(SEEDS, |seed| {
        let load = Load::of(Workload::TxnRwRegister).rate(400.0).concurrency(8);
        let run = Simulation::new(seed)
            .nodes(1, move |_: &Context| Mutant(make()))
            .run(load.key_count(4).lasting(secs(10)));
        assert!(run.failure().is_none(), "{:?}", run.failure());
        assert_eq!(run.complaints(), 0);
        check(&|model| rw_register::check(run.history(), &[model.to_owned()]));
    });
}

/// The workload finds this anomaly at the level that forbids it, on every seed; at `satisfied`, if
/// there is such a level, it finds nothing.
fn rejects<D: Database>(make: fn() -> D, anomaly: &str, forbidden: &str, satisfied: Option<&str>) {
    analyses(make, |under| {
        let analysis = under(forbidden);
        assert_eq!(analysis.verdict(), Verdict::Invalid);
        let types = analysis.anomaly_types();
        assert!(types.contains(&anomaly), "{types:?}");
        if let Some(satisfied) = satisfied {
            let analysis = under(satisfied);
            let why = analysis.explanation().unwrap_or_default();
            assert_eq!(analysis.verdict(), Verdict::Valid, "{satisfied}: {why}");
        }
    });
}

/// One after the other: no mutant.
#[derive(Default)]
struct Serial(RefCell<Registers>);

impl Database for Serial {
    async fn execute(&self, txn: &mut [MicroOp], cx: &Context) -> Result<()> {
        pause(cx).await;
        let writes = perform(txn, |key| self.0.borrow().get(&key).copied());
        self.0.borrow_mut().extend(writes);
        pause(cx).await;
        Ok(())
    }
}

#[test]
fn a_serial_database_is_accepted() {
    analyses(Serial::default, |under| {
        assert_eq!(under("strict-serializable").verdict(), Verdict::Valid);
    });
}

/// Writes where it stands, and takes it back if the transaction fails.
#[derive(Default)]
struct TakesBack(RefCell<Registers>);

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
        Err(Error::txn_conflict("taken back"))
    }
}

#[test]
fn reads_of_aborted_transactions_are_g1a() {
    rejects(
        TakesBack::default,
        "G1a",
        "read-committed",
        Some("read-uncommitted"),
    );
}

/// Writes where it stands, step by step.
#[derive(Default)]
struct StepByStep(RefCell<Registers>);

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

#[test]
fn reads_in_the_middle_of_a_transaction_are_g1b() {
    rejects(
        StepByStep::default,
        "G1b",
        "read-committed",
        Some("read-uncommitted"),
    );
}

/// Writes all at once, and only then reads.
#[derive(Default)]
struct WritesFirst(RefCell<Registers>);

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

#[test]
fn transactions_that_inform_each_other_are_g1c() {
    rejects(
        WritesFirst::default,
        "G1c",
        "read-committed",
        Some("read-uncommitted"),
    );
    analyses(WritesFirst::default, |under| {
        let types = under("read-committed").anomaly_types();
        assert!(
            !types.contains(&"G1a") && !types.contains(&"G1b"),
            "{types:?}"
        );
    });
}

/// Transactions read what others are about to write.
#[derive(Default)]
struct AboutToWrite {
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

/// The one thing that reads can show of the order of writes, and the only way in which this
/// workload ever rejects a database at read uncommitted.
#[test]
fn writes_that_each_follow_the_other_are_cyclic_versions() {
    rejects(
        AboutToWrite::default,
        "cyclic-versions",
        "read-uncommitted",
        None,
    );
}

/// Does not see its own writes.
#[derive(Default)]
struct Forgetful(RefCell<Registers>);

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

#[test]
fn reads_that_miss_the_own_writes_are_internal() {
    rejects(
        Forgetful::default,
        "internal",
        "read-atomic",
        Some("monotonic-atomic-view"),
    );
}

/// Reads what is committed, each register once, when it comes to it; writes at the end.
#[derive(Default)]
struct ReadsCommitted(RefCell<Registers>);

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

#[test]
fn reads_from_before_and_after_a_transaction_are_g_single() {
    rejects(
        ReadsCommitted::default,
        "G-single-item",
        "consistent-view",
        Some("read-atomic"),
    );
}

/// Reads from a snapshot, and does not look whether somebody has written since.
#[derive(Default)]
struct Careless(RefCell<Registers>);

impl Database for Careless {
    async fn execute(&self, txn: &mut [MicroOp], cx: &Context) -> Result<()> {
        let snapshot = self.0.borrow().clone();
        pause(cx).await;
        let writes = perform(txn, |key| snapshot.get(&key).copied());
        self.0.borrow_mut().extend(writes);
        Ok(())
    }
}

#[test]
fn writes_over_what_was_not_read_are_lost_updates() {
    rejects(
        Careless::default,
        "lost-update",
        "cursor-stability",
        Some("read-atomic"),
    );
}

/// Reads from a snapshot; of two that write to one register, the first to commit wins.
#[derive(Default)]
struct Snapshots {
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
            return Err(Error::txn_conflict("somebody else was first"));
        }
        for (key, value) in writes {
            *current.entry(key).or_default() += 1;
            self.registers.borrow_mut().insert(key, value);
        }
        Ok(())
    }
}

#[test]
fn snapshots_that_cross_are_write_skew() {
    rejects(
        Snapshots::default,
        "G2-item",
        "serializable",
        Some("snapshot-isolation"),
    );
}

/// Reads alone are answered from a copy, which is renewed now and then.
#[derive(Default)]
struct Stale {
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

#[test]
fn reads_from_the_past_are_g_single_in_real_time() {
    rejects(
        Stale::default,
        "G-single-item-realtime",
        "strict-serializable",
        Some("serializable"),
    );
}
