//! Broadcast nodes with one flaw each, which the workload must reject.
//!
//! All of them send each value over a star, and send it again every second to neighbours that have
//! not acknowledged it. That is correct and accepted. Every flaw removes one part of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use eddy::check::Verdict;
use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use serde_json::json;
use tokio::time::sleep;

use crate::specimens::{Mutant, Specimens};
use crate::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    /// Nodes do not send values to each other.
    KeepsToItself,
    /// Nodes do not repeat lost messages.
    SendsOnce,
    /// Nodes acknowledge one value in ten to the client without storing it.
    DropsOneOfTen,
    /// The hub does not forward values.
    HubKeeps,
    /// Nodes acknowledge values of peers without storing them.
    AcknowledgesMore,
    /// Reads list only the latest hundred values.
    ForgetsTheOld,
    /// The hub forwards values only to the first of its leaves.
    LeavesSomeOut,
}

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::Broadcast,
    |world, seed| run(Flaw::None, world, seed),
    &[
        Mutant {
            flaw: "do not forward values",
            world: World::Calm,
            anomaly: "lost",
            run: |world, seed| run(Flaw::KeepsToItself, world, seed),
        },
        Mutant {
            flaw: "forward each value only once",
            world: World::Loss,
            anomaly: "lost",
            run: |world, seed| run(Flaw::SendsOnce, world, seed),
        },
        Mutant {
            flaw: "forward each value only once",
            world: World::Partitions,
            anomaly: "lost",
            run: |world, seed| run(Flaw::SendsOnce, world, seed),
        },
        Mutant {
            flaw: "acknowledge one value in ten without storing it",
            world: World::Calm,
            anomaly: "lost",
            run: |world, seed| run(Flaw::DropsOneOfTen, world, seed),
        },
        Mutant {
            flaw: "do not forward values as the hub",
            world: World::Calm,
            anomaly: "lost",
            run: |world, seed| run(Flaw::HubKeeps, world, seed),
        },
        Mutant {
            flaw: "acknowledge values of peers without storing them",
            world: World::Calm,
            anomaly: "lost",
            run: |world, seed| run(Flaw::AcknowledgesMore, world, seed),
        },
        Mutant {
            flaw: "show only the latest hundred values",
            world: World::Calm,
            anomaly: "lost",
            run: |world, seed| run(Flaw::ForgetsTheOld, world, seed),
        },
        Mutant {
            flaw: "forward values only to the first leaf as the hub",
            world: World::Calm,
            anomaly: "lost",
            run: |world, seed| run(Flaw::LeavesSomeOut, world, seed),
        },
    ],
);

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
    /// The values that each neighbour has not acknowledged.
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

    /// Stores values, and forwards those that are new.
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

fn run(flaw: Flaw, world: World, seed: Seed) -> Run {
    let nodes = Simulation::new(seed).nodes(5, move |_: &Context| Leaky::new(flaw));
    let load = Load::of(workload::Broadcast)
        .rate(30.0)
        .time_limit(secs(10));
    world.around(nodes).run(load)
}

#[test]
fn every_mutant_is_rejected_for_its_flaw() {
    SPECIMENS.assert_rejected();
}

#[test]
fn correct_star_is_accepted_where_mutants_are_rejected() {
    SPECIMENS.assert_sibling_accepted();
}

/// No broadcast in memory survives the kill of the only node that holds a value.
#[test]
fn values_that_only_a_killed_node_held_are_lost() {
    let caught = (0..10).any(|seed| {
        let run = run(Flaw::KeepsToItself, World::Deaths, Seed(seed));
        run.kills() > 0 && run.verdict() == Verdict::Invalid
    });
    assert!(caught);
}
