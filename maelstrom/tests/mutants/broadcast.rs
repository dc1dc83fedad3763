//! Broadcast nodes that are wrong, each in one way, and that the workload must reject.
//!
//! All of them send each value over a star, and again every second to whoever has not acknowledged
//! it. That is right, and accepted; every flaw takes one part of it away.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use eddy::check::{Verdict, Workload};
use eddy::nemesis::{Fault, Kill, Loss, Partition, Target};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use glomers::prelude::*;
use serde_json::json;
use tokio::time::sleep;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    /// Nobody tells anybody anything.
    KeepsToItself,
    /// What is lost on the way stays lost.
    SendsOnce,
    /// One value of ten is acknowledged, and dropped.
    DropsOneOfTen,
    /// The hub does not pass on what it hears.
    HubKeeps,
    /// Values are acknowledged to a peer that are not stored.
    AcknowledgesMore,
    /// Reads list the latest hundred values only.
    ForgetsTheOld,
    /// The hub tells the first of its leaves only.
    LeavesSomeOut,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Topology,
    Broadcast { message: i64 },
    Read,
    Values { values: BTreeSet<i64> },
    Seen { values: BTreeSet<i64> },
}

struct Leaky {
    flaw: Flaw,
    values: RefCell<BTreeSet<i64>>,
    /// What each neighbour has not acknowledged.
    open: RefCell<BTreeMap<NodeId, BTreeSet<i64>>>,
}

impl Leaky {
    fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            values: RefCell::default(),
            open: RefCell::default(),
        }
    }

    fn neighbours<'a>(&self, cx: &'a Context) -> &'a [NodeId] {
        let is_hub = *cx.nodes()[0] == *cx.id();
        match self.flaw {
            Flaw::KeepsToItself => &[],
            Flaw::HubKeeps if is_hub => &[],
            Flaw::LeavesSomeOut if is_hub => &cx.peers()[..1],
            _ if is_hub => cx.peers(),
            _ => &cx.nodes()[..1],
        }
    }

    /// Learns values, and passes on those that are new.
    fn learn(&self, values: &BTreeSet<i64>, cx: &Context) {
        let new = values - &self.values.borrow();
        if new.is_empty() {
            return;
        }
        self.values.borrow_mut().extend(&new);
        for neighbour in self.neighbours(cx) {
            if **neighbour == *cx.sender() {
                continue;
            }
            cx.send(neighbour, &json!({ "type": "values", "values": new }));
            let mut open = self.open.borrow_mut();
            open.entry(neighbour.clone()).or_default().extend(&new);
        }
    }

    fn list(&self) -> Vec<i64> {
        let values = self.values.borrow();
        let skipped = match self.flaw {
            Flaw::ForgetsTheOld => values.len().saturating_sub(100),
            _ => 0,
        };
        values.iter().skip(skipped).copied().collect()
    }
}

impl Node for Leaky {
    type Request = Request;
    type Reply = Option<Value>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Value>> {
        Ok(match request {
            Request::Topology => Some(json!({ "type": "topology_ok" })),
            Request::Broadcast { message } => {
                if self.flaw != Flaw::DropsOneOfTen || message % 10 != 7 {
                    self.learn(&BTreeSet::from([message]), cx);
                }
                Some(json!({ "type": "broadcast_ok" }))
            }
            Request::Read => Some(json!({ "type": "read_ok", "messages": self.list() })),
            Request::Values { values } => {
                cx.send(cx.sender(), &json!({ "type": "seen", "values": values }));
                let stored = match self.flaw {
                    Flaw::AcknowledgesMore => {
                        values.iter().copied().filter(|v| v % 10 != 7).collect()
                    }
                    _ => values,
                };
                self.learn(&stored, cx);
                None
            }
            Request::Seen { values } => {
                if let Some(open) = self.open.borrow_mut().get_mut(cx.sender()) {
                    open.retain(|value| !values.contains(value));
                }
                None
            }
        })
    }

    async fn background(&self, cx: &Context) {
        if self.flaw == Flaw::SendsOnce {
            return;
        }
        loop {
            sleep(ms(1000)).await;
            for (neighbour, values) in self.open.borrow().iter() {
                if !values.is_empty() {
                    cx.send(neighbour, &json!({ "type": "values", "values": values }));
                }
            }
        }
    }
}

/// What the nodes have to live with.
#[derive(Clone, Copy, Debug)]
enum World {
    Calm,
    Loss,
    Partitions,
}

fn run(flaw: Flaw, world: World, seed: u64) -> Run {
    let nodes = Simulation::new(Seed(seed))
        .nodes(5, move |_: &Context| Leaky::new(flaw))
        .latency(Latency::constant(ms(20)));
    let nodes = match world {
        World::Calm => nodes,
        World::Loss => nodes.nemesis(Loss::of(0.3).always()),
        World::Partitions => nodes.nemesis(Partition::any().every(secs(2))),
    };
    let run = nodes.run(Load::of(Workload::Broadcast).rate(30.0).lasting(secs(10)));
    assert!(run.failure().is_none(), "{:?}", run.failure());
    run
}

/// A mutant is caught with a lost value on one of so many seeds.
fn assert_rejected(flaw: Flaw, world: World, seeds: u64) {
    let caught = (0..seeds).find(|&seed| {
        let run = run(flaw, world, seed);
        let set = run
            .results()
            .workload()
            .as_set()
            .expect("broadcast is a set");
        run.verdict() == Verdict::Invalid && !set.lost.is_empty()
    });
    let seed = caught.unwrap_or_else(|| panic!("{flaw:?} passes for right on {seeds} seeds"));
    eprintln!("{flaw:?} is caught on seed {seed}");
}

#[test]
fn a_star_that_insists_is_accepted_in_every_world() {
    for world in [World::Calm, World::Loss, World::Partitions] {
        for seed in 0..10 {
            run(Flaw::None, world, seed).assert_valid();
        }
    }
}

#[test]
fn nodes_that_keep_their_values_are_rejected() {
    assert_rejected(Flaw::KeepsToItself, World::Calm, 1);
}

#[test]
fn nodes_that_send_only_once_are_rejected() {
    assert_rejected(Flaw::SendsOnce, World::Loss, 10);
    assert_rejected(Flaw::SendsOnce, World::Partitions, 10);
}

#[test]
fn nodes_that_drop_values_are_rejected() {
    assert_rejected(Flaw::DropsOneOfTen, World::Calm, 1);
}

#[test]
fn a_hub_that_passes_nothing_on_is_rejected() {
    assert_rejected(Flaw::HubKeeps, World::Calm, 1);
}

#[test]
fn nodes_that_acknowledge_what_they_do_not_store_are_rejected() {
    assert_rejected(Flaw::AcknowledgesMore, World::Calm, 10);
}

#[test]
fn nodes_that_forget_old_values_are_rejected() {
    assert_rejected(Flaw::ForgetsTheOld, World::Calm, 1);
}

#[test]
fn a_hub_that_leaves_some_out_is_rejected() {
    assert_rejected(Flaw::LeavesSomeOut, World::Calm, 10);
}

/// The one thing that no broadcast over memory survives: the death of the only one who knows.
#[test]
fn values_that_only_a_dead_node_knew_are_lost() {
    let caught = (0..10).any(|seed| {
        let run = Simulation::new(Seed(seed))
            .nodes(5, |_: &Context| Leaky::new(Flaw::KeepsToItself))
            .nemesis(Kill::of(Target::Minority).every(secs(2)))
            .run(Load::of(Workload::Broadcast).rate(30.0).lasting(secs(10)));
        run.kills() > 0 && run.verdict() == Verdict::Invalid
    });
    assert!(caught);
}
