//! Databases of registers with one flaw each. The workload rejects each of them for its flaw, at
//! the isolation level that forbids it.
//!
//! Each must also pass at the strongest of these levels that it satisfies, so that none is rejected
//! for a wrong reason.

mod databases;

use std::collections::BTreeMap;

use databases::*;
use eddy::check::txn::TxnAnalysis;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, secs};
use eddy::workload;
use glomers::prelude::*;

use crate::specimens::{Mutant, Specimens};
use crate::world::World;

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::TxnRwRegister,
    |world, seed| run::<Serial>("strict-serializable", world, seed),
    &[
        Mutant {
            flaw: "undo a transaction that others have read (checked for read committed)",
            world: World::Calm,
            anomaly: "G1a",
            run: |world, seed| run::<TakesBack>("read-committed", world, seed),
        },
        Mutant {
            flaw: "show each write of a transaction at once (checked for read committed)",
            world: World::Calm,
            anomaly: "G1b",
            run: |world, seed| run::<StepByStep>("read-committed", world, seed),
        },
        Mutant {
            flaw: "show all writes before they read (checked for read committed)",
            world: World::Calm,
            anomaly: "G1c",
            run: |world, seed| run::<WritesFirst>("read-committed", world, seed),
        },
        Mutant {
            flaw: "read values before they are written (checked for read uncommitted)",
            world: World::Calm,
            anomaly: "cyclic-versions",
            run: |world, seed| run::<AboutToWrite>("read-uncommitted", world, seed),
        },
        Mutant {
            flaw: "do not see their own writes (checked for read atomic)",
            world: World::Calm,
            anomaly: "internal",
            run: |world, seed| run::<Forgetful>("read-atomic", world, seed),
        },
        Mutant {
            flaw: "read from before and after another transaction (checked for consistent view)",
            world: World::Calm,
            anomaly: "G-single-item",
            run: |world, seed| run::<ReadsCommitted>("consistent-view", world, seed),
        },
        Mutant {
            flaw: "overwrite what another transaction wrote after their snapshot (checked for cursor stability)",
            world: World::Calm,
            anomaly: "lost-update",
            run: |world, seed| run::<Careless>("cursor-stability", world, seed),
        },
        Mutant {
            flaw: "refuse only the second of two writes to a snapshot (checked for serializable)",
            world: World::Calm,
            anomaly: "G2-item",
            run: |world, seed| run::<Snapshots>("serializable", world, seed),
        },
        Mutant {
            flaw: "read from a copy that lags (checked for strict serializable)",
            world: World::Calm,
            anomaly: "G-single-item-realtime",
            run: |world, seed| run::<Stale>("strict-serializable", world, seed),
        },
    ],
);

/// A way of executing transactions on one node.
trait Database: Default + 'static {
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
use Function::W;

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
struct Server<D>(D);

impl<D: Database> Node for Server<D> {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, Request::Txn { mut txn }: Request, cx: &Context) -> Result<Reply> {
        self.0.execute(&mut txn, cx).await?;
        Ok(Reply::TxnOk { txn })
    }
}

/// Waits for a random time, in which other transactions run.
async fn pause(cx: &Context) {
    let pause = Duration::from_millis(cx.rng().random_range(0..10));
    tokio::time::sleep(pause).await;
}

/// Returns the last write of a transaction to each of its registers.
fn last_writes(txn: &[MicroOp]) -> Registers {
    let writes = txn.iter().filter(|(function, ..)| *function == W);
    writes
        .filter_map(|&(_, key, value)| Some((key, value?)))
        .collect()
}

/// Performs the steps of a transaction on its own view, and returns its writes.
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

/// Runs a database under high contention, checked for an isolation level.
fn run<D: Database>(level: &str, world: World, seed: Seed) -> Run {
    let nodes = Simulation::new(seed).nodes(1, |_: &Context| Server(D::default()));
    let load = Load::of(workload::TxnRwRegister).consistency_model(level);
    let load = load.rate(400.0).concurrency(8).key_count(4);
    let run = world.around(nodes).run(load.time_limit(secs(10)));
    assert_eq!(run.protocol_violations(), 0);
    run
}

#[test]
fn every_mutant_is_rejected_for_its_flaw() {
    SPECIMENS.assert_rejected();
}

#[test]
fn serial_database_is_accepted_where_mutants_are_rejected() {
    SPECIMENS.assert_sibling_accepted();
}

/// So no mutant is rejected for a wrong reason.
#[test]
fn every_mutant_is_accepted_at_the_strongest_level_it_satisfies() {
    let accepted = |run: fn(&str, World, Seed) -> Run, level: &str| {
        for seed in 0..2 {
            run(level, World::Calm, Seed(seed)).assert_safe();
        }
    };
    accepted(run::<TakesBack>, "read-uncommitted");
    accepted(run::<StepByStep>, "read-uncommitted");
    accepted(run::<WritesFirst>, "read-uncommitted");
    accepted(run::<Forgetful>, "monotonic-atomic-view");
    accepted(run::<ReadsCommitted>, "monotonic-atomic-view");
    accepted(run::<Careless>, "read-atomic");
    accepted(run::<Snapshots>, "snapshot-isolation");
    accepted(run::<Stale>, "serializable");
}

/// A cycle of reads of each other's writes does not imply a read of uncommitted writes.
#[test]
fn database_that_writes_before_it_reads_shows_only_g1c() {
    let run = run::<WritesFirst>("read-committed", World::Calm, Seed(0));
    let analysis = run.results().workload_as::<TxnAnalysis>();
    let analysis = analysis.expect("the workload has transactions");
    let types = analysis.anomaly_types();
    assert!(types.contains(&"G1c"), "{types:?}");
    assert!(
        !types.contains(&"G1a") && !types.contains(&"G1b"),
        "{types:?}"
    );
}
