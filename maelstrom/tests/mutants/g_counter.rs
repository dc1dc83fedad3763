//! Grow-only counters with one flaw each, which the workload must reject.

use std::cell::Cell;

use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use tokio::time::sleep;

use crate::specimens::{Mutant, Specimens};
use crate::world::World;

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::GCounter,
    run::<Right>,
    &[
        Mutant {
            flaw: "do not send their adds to other nodes",
            world: World::Calm,
            anomaly: "impossible sum",
            run: run::<KeepsToItself>,
        },
        Mutant {
            flaw: "send each add to the others only once",
            world: World::Partitions,
            anomaly: "impossible sum",
            run: run::<SendsOnce>,
        },
        Mutant {
            flaw: "count from zero after a restart",
            world: World::Deaths,
            anomaly: "impossible sum",
            run: run::<CountsFromZero>,
        },
        Mutant {
            flaw: "acknowledge an add before they store it",
            world: World::Deaths,
            anomaly: "impossible sum",
            run: run::<AcknowledgesFirst>,
        },
        Mutant {
            flaw: "increment the sum without compare-and-set",
            world: World::LongDistance,
            anomaly: "impossible sum",
            run: run::<Overwrites>,
        },
        Mutant {
            flaw: "repeat an add that may have succeeded",
            world: World::LongDistance,
            anomaly: "impossible sum",
            run: run::<AddsTwice>,
        },
        Mutant {
            flaw: "assume that reads of seq-kv are current",
            world: World::Calm,
            anomaly: "impossible sum",
            run: run::<TrustsSeqKv>,
        },
    ],
);

/// The operations of a counter, which each mutant implements with its flaw.
trait Adder: Default + 'static {
    async fn add(&self, delta: u64, cx: &Context) -> Result<()>;
    async fn read(&self, cx: &Context) -> Result<u64>;
    async fn background(&self, _: &Context) {}
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Add { delta: u64 },
    Read,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    AddOk {},
    ReadOk { value: u64 },
}

#[derive(Default)]
struct Counter<M>(M);

impl<M: Adder> Node for Counter<M> {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Reply> {
        Ok(match request {
            Request::Add { delta } => {
                self.0.add(delta, cx).await?;
                Reply::AddOk {}
            }
            Request::Read => Reply::ReadOk {
                value: self.0.read(cx).await?,
            },
        })
    }

    async fn background(&self, cx: &Context) {
        self.0.background(cx).await;
    }
}

fn run<M: Adder>(world: World, seed: Seed) -> Run {
    let nodes = Simulation::new(seed).nodes(3, |cx: &Context| {
        cx.set_call_timeout(secs(4));
        Counter::<M>::default()
    });
    let load = Load::of(workload::GCounter).rate(20.0).time_limit(secs(10));
    world.around(nodes).run(load.concurrency(12))
}

#[test]
fn every_mutant_is_rejected_for_its_flaw() {
    SPECIMENS.assert_rejected();
}

#[test]
fn correct_counter_is_accepted_where_mutants_are_rejected() {
    SPECIMENS.assert_sibling_accepted();
}

/// The correct counter: it keeps the sum in one register of lin-kv, and reports every error.
#[derive(Default)]
struct Right;

impl Adder for Right {
    async fn add(&self, delta: u64, cx: &Context) -> Result<()> {
        cx.lin_kv()
            .update("sum", |sum: Option<u64>| sum.unwrap_or(0) + delta)
            .await?;
        Ok(())
    }

    async fn read(&self, cx: &Context) -> Result<u64> {
        Ok(cx.lin_kv().read("sum").await?.unwrap_or(0))
    }
}

/// Counts only the adds of its own clients.
#[derive(Default)]
struct KeepsToItself(Cell<u64>);

impl Adder for KeepsToItself {
    async fn add(&self, delta: u64, _: &Context) -> Result<()> {
        self.0.update(|sum| sum + delta);
        Ok(())
    }

    async fn read(&self, _: &Context) -> Result<u64> {
        Ok(self.0.get())
    }
}

/// Sends each add to the others once, without acknowledgements.
#[derive(Default)]
struct SendsOnce(Cell<u64>);

impl Adder for SendsOnce {
    async fn add(&self, delta: u64, cx: &Context) -> Result<()> {
        self.0.update(|sum| sum + delta);
        if cx.sender().starts_with('c') {
            for peer in cx.peers() {
                cx.send(peer, &serde_json::json!({ "type": "add", "delta": delta }));
            }
        }
        Ok(())
    }

    async fn read(&self, _: &Context) -> Result<u64> {
        Ok(self.0.get())
    }
}

async fn sum_of_all(cx: &Context) -> Result<u64> {
    let mut sum = 0;
    for node in cx.nodes() {
        sum += cx.lin_kv().read::<u64>(&node).await?.unwrap_or(0);
    }
    Ok(sum)
}

/// Stores its own total, and counts from zero after a restart.
#[derive(Default)]
struct CountsFromZero(Cell<u64>);

impl Adder for CountsFromZero {
    async fn add(&self, delta: u64, cx: &Context) -> Result<()> {
        self.0.update(|total| total + delta);
        cx.lin_kv().write(cx.id(), self.0.get()).await
    }

    async fn read(&self, cx: &Context) -> Result<u64> {
        sum_of_all(cx).await
    }
}

/// Acknowledges an add before it has stored it.
#[derive(Default)]
struct AcknowledgesFirst(Cell<u64>);

impl Adder for AcknowledgesFirst {
    async fn add(&self, delta: u64, _: &Context) -> Result<()> {
        self.0.update(|pending| pending + delta);
        Ok(())
    }

    async fn read(&self, cx: &Context) -> Result<u64> {
        Right.read(cx).await
    }

    async fn background(&self, cx: &Context) {
        loop {
            sleep(ms(1000)).await;
            let stored = Right.add(self.0.take(), cx).await;
            stored.expect("lin-kv without faults returns no errors");
        }
    }
}

/// Reads and writes the sum in two steps, between which other nodes may write.
#[derive(Default)]
struct Overwrites;

impl Adder for Overwrites {
    async fn add(&self, delta: u64, cx: &Context) -> Result<()> {
        let sum = self.read(cx).await?;
        cx.lin_kv().write("sum", sum + delta).await
    }

    async fn read(&self, cx: &Context) -> Result<u64> {
        Right.read(cx).await
    }
}

/// Repeats an add that may have succeeded.
#[derive(Default)]
struct AddsTwice;

impl Adder for AddsTwice {
    async fn add(&self, delta: u64, cx: &Context) -> Result<()> {
        let impatient = cx.lin_kv().within(ms(500));
        let add = async || {
            impatient
                .update("sum", |sum: Option<u64>| sum.unwrap_or(0) + delta)
                .await
        };
        cx.retry(Backoff::default(), add).await?;
        Ok(())
    }

    async fn read(&self, cx: &Context) -> Result<u64> {
        Right.read(cx).await
    }
}

/// Assumes that reads of seq-kv are current.
#[derive(Default)]
struct TrustsSeqKv(Cell<u64>);

impl Adder for TrustsSeqKv {
    async fn add(&self, delta: u64, cx: &Context) -> Result<()> {
        self.0.update(|total| total + delta);
        cx.seq_kv().write(cx.id(), self.0.get()).await
    }

    async fn read(&self, cx: &Context) -> Result<u64> {
        let mut sum = self.0.get();
        for peer in cx.peers() {
            sum += cx.seq_kv().read::<u64>(peer).await?.unwrap_or(0);
        }
        Ok(sum)
    }
}
