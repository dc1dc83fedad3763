//! Grow-only counters that are wrong, each in one way, and that the workload must reject.

use std::cell::Cell;

use eddy::check::{Verdict, Workload};
use eddy::nemesis::{Fault, Kill, Partition};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use glomers::prelude::*;
use tokio::time::sleep;

/// What one mutant does instead of counting properly.
trait Mutant: Default + 'static {
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

impl<M: Mutant> Node for Counter<M> {
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

/// What the nodes have to live with.
#[derive(Clone, Copy)]
enum World {
    Calm,
    Partitions,
    Deaths,
    /// Deaths so quick that the words of the dead are still on their way afterwards.
    SlowDeaths,
    SlowStore,
}

fn run<M: Mutant>(world: World, seed: u64) -> Run {
    let nodes = Simulation::new(Seed(seed)).nodes(3, |cx: &Context| {
        cx.set_call_timeout(secs(4));
        Counter::<M>::default()
    });
    let load = Load::of(Workload::GCounter).rate(20.0).lasting(secs(10));
    let slow = Latency::exponential(ms(300));
    match world {
        World::Calm => nodes.run(load),
        World::Partitions => nodes.nemesis(Partition::any().every(secs(2))).run(load),
        World::Deaths => nodes.nemesis(Kill::one().every(secs(2))).run(load),
        World::SlowDeaths => {
            let quick = Kill::one().every(ms(150));
            nodes.latency(slow).nemesis(quick).run(load.concurrency(12))
        }
        World::SlowStore => nodes.latency(slow).run(load),
    }
}

/// What the workload makes of a run.
fn verdict<M: Mutant>(world: World, seed: u64) -> Verdict {
    let run = run::<M>(world, seed);
    assert!(run.failure().is_none(), "{:?}", run.failure());
    run.results().workload().as_dyn().verdict()
}

/// A mutant is caught with a wrong final read on one of so many seeds.
fn assert_rejected<M: Mutant>(world: World, seeds: u64) {
    let mutant = std::any::type_name::<M>();
    let caught = (0..seeds).find(|&seed| verdict::<M>(world, seed) == Verdict::Invalid);
    let seed = caught.unwrap_or_else(|| panic!("{mutant} passes for right on {seeds} seeds"));
    eprintln!("{mutant} is caught on seed {seed}");
}

/// Adds up in one register, where nothing can be lost; of what went wrong it says so.
#[derive(Default)]
struct Right;

impl Mutant for Right {
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

#[test]
fn a_counter_that_is_right_is_accepted_in_every_world() {
    use World::*;
    for world in [Calm, Partitions, Deaths, SlowDeaths, SlowStore] {
        for seed in 0..5 {
            assert_eq!(verdict::<Right>(world, seed), Verdict::Valid);
        }
    }
}

/// Counts what it is told itself, and tells nobody.
#[derive(Default)]
struct KeepsToItself(Cell<u64>);

impl Mutant for KeepsToItself {
    async fn add(&self, delta: u64, _: &Context) -> Result<()> {
        self.0.update(|sum| sum + delta);
        Ok(())
    }

    async fn read(&self, _: &Context) -> Result<u64> {
        Ok(self.0.get())
    }
}

#[test]
fn a_node_that_keeps_its_adds_to_itself_is_rejected() {
    assert_rejected::<KeepsToItself>(World::Calm, 10);
}

/// Tells the others once, and does not ask whether they have heard it.
#[derive(Default)]
struct TellsOnce(Cell<u64>);

impl Mutant for TellsOnce {
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

#[test]
fn a_node_that_tells_the_others_only_once_is_rejected() {
    assert_rejected::<TellsOnce>(World::Partitions, 10);
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

impl Mutant for ForgetsItsPast {
    async fn add(&self, delta: u64, cx: &Context) -> Result<()> {
        self.0.update(|total| total + delta);
        cx.lin_kv().write(cx.id(), self.0.get()).await
    }

    async fn read(&self, cx: &Context) -> Result<u64> {
        sum_of_all(cx).await
    }
}

#[test]
fn a_node_that_forgets_its_past_is_rejected() {
    assert_rejected::<ForgetsItsPast>(World::Deaths, 10);
}

/// Says that it has added something before it has stored it.
#[derive(Default)]
struct PromisesTooMuch(Cell<u64>);

impl Mutant for PromisesTooMuch {
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

#[test]
fn a_node_that_promises_too_much_is_rejected() {
    assert_rejected::<PromisesTooMuch>(World::Deaths, 10);
}

/// Reads and writes as two steps, between which others do the same.
#[derive(Default)]
struct Overwrites;

impl Mutant for Overwrites {
    async fn add(&self, delta: u64, cx: &Context) -> Result<()> {
        let sum = self.read(cx).await?;
        cx.lin_kv().write("sum", sum + delta).await
    }

    async fn read(&self, cx: &Context) -> Result<u64> {
        Right.read(cx).await
    }
}

#[test]
fn a_node_that_overwrites_what_others_add_is_rejected() {
    assert_rejected::<Overwrites>(World::SlowStore, 10);
}

/// Repeats an add that may have succeeded.
#[derive(Default)]
struct AddsTwice;

impl Mutant for AddsTwice {
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

#[test]
fn a_node_that_adds_twice_what_it_is_not_sure_of_is_rejected() {
    assert_rejected::<AddsTwice>(World::SlowStore, 10);
}

/// Believes that seq-kv shows the present.
#[derive(Default)]
struct ReadsThePast(Cell<u64>);

impl Mutant for ReadsThePast {
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

#[test]
fn a_node_that_reads_the_past_is_rejected() {
    assert_rejected::<ReadsThePast>(World::Calm, 10);
}
