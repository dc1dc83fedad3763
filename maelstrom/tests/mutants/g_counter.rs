//! Grow-only counters that are wrong, each in one way, and that the workload must reject.

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
            flaw: "keep their adds to themselves",
            world: World::Calm,
            anomaly: "impossible sum",
            run: run::<KeepsToItself>,
        },
        Mutant {
            flaw: "tell the others only once",
            world: World::Partitions,
            anomaly: "impossible sum",
            run: run::<TellsOnce>,
        },
        Mutant {
            flaw: "begin again at zero when they come back",
            world: World::Deaths,
            anomaly: "impossible sum",
            run: run::<ForgetsItsPast>,
        },
        Mutant {
            flaw: "acknowledge an add before they store it",
            world: World::Deaths,
            anomaly: "impossible sum",
            run: run::<PromisesTooMuch>,
        },
        Mutant {
            flaw: "read the sum, and write it back",
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
            flaw: "believe that seq-kv shows the present",
            world: World::Calm,
            anomaly: "impossible sum",
            run: run::<ReadsThePast>,
        },
    ],
);

/// What one mutant does instead of counting properly.
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
fn every_mutant_is_rejected_for_what_is_wrong_with_it() {
    SPECIMENS.assert_rejected();
}

#[test]
fn a_counter_that_is_right_is_accepted_wherever_a_mutant_is_not() {
    SPECIMENS.assert_sibling_accepted();
}

/// Adds up in one register, where nothing can be lost; of what went wrong it says so.
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

/// Counts what it is told itself, and tells nobody.
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

/// Tells the others once, and does not ask whether they have heard it.
#[derive(Default)]
struct TellsOnce(Cell<u64>);

impl Adder for TellsOnce {
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

/// Stores its own total, and begins again at zero when it comes back.
#[derive(Default)]
struct ForgetsItsPast(Cell<u64>);

impl Adder for ForgetsItsPast {
    async fn add(&self, delta: u64, cx: &Context) -> Result<()> {
        self.0.update(|total| total + delta);
        cx.lin_kv().write(cx.id(), self.0.get()).await
    }

    async fn read(&self, cx: &Context) -> Result<u64> {
        sum_of_all(cx).await
    }
}

/// Says that it has added something before it has stored it.
#[derive(Default)]
struct PromisesTooMuch(Cell<u64>);

impl Adder for PromisesTooMuch {
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
            stored.expect("a store that answers at once has no errors");
        }
    }
}

/// Reads and writes as two steps, between which others do the same.
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

/// Believes that seq-kv shows the present.
#[derive(Default)]
struct ReadsThePast(Cell<u64>);

impl Adder for ReadsThePast {
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
