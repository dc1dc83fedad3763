//! A counter that goes up and down as a replicated data type, and typical mistakes in it. Each
//! differs from the correct counter in one line, and the workload must reject it.

use std::cell::RefCell;
use std::collections::BTreeMap;

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
    /// A node keeps the greater of two totals, as if totals could only grow.
    Maximum,
    /// A node adds a received total to the one before, as if it were a delta.
    Sum,
    /// A node keeps the total that arrived last, although messages overtake each other.
    LastArrival,
    /// A restarted node keeps its name, and numbers its totals from the start.
    KeepsName,
    /// A node sends its total once per add, and does not repeat it.
    SendsOnce,
}

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::PnCounter,
    |world, seed| run(Flaw::None, world, seed),
    &[
        Mutant {
            flaw: "merge totals by their maximum",
            world: World::Calm,
            anomaly: "impossible sum",
            run: |world, seed| run(Flaw::Maximum, world, seed),
        },
        Mutant {
            flaw: "add received totals as if they were deltas",
            world: World::Calm,
            anomaly: "impossible sum",
            run: |world, seed| run(Flaw::Sum, world, seed),
        },
        Mutant {
            flaw: "keep the total that arrived last",
            world: World::Disorder,
            anomaly: "impossible sum",
            run: |world, seed| run(Flaw::LastArrival, world, seed),
        },
        Mutant {
            flaw: "keep their name after a restart but not their total",
            world: World::Deaths,
            anomaly: "impossible sum",
            run: |world, seed| run(Flaw::KeepsName, world, seed),
        },
        Mutant {
            flaw: "send each total to the others only once",
            world: World::Partitions,
            anomaly: "impossible sum",
            run: |world, seed| run(Flaw::SendsOnce, world, seed),
        },
    ],
);

/// The total of one incarnation of one node, with its number.
type Totals = BTreeMap<String, (u64, i64)>;

struct PnCounter {
    flaw: Flaw,
    me: String,
    totals: RefCell<Totals>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Add { delta: i64 },
    Read,
    Gossip { totals: Totals },
}

impl PnCounter {
    fn new(flaw: Flaw, cx: &Context) -> Self {
        let incarnation: u32 = match flaw {
            Flaw::KeepsName => 0,
            _ => cx.rng().random(),
        };
        Self {
            flaw,
            me: format!("{} {incarnation}", cx.id()),
            totals: RefCell::default(),
        }
    }

    fn send_totals(&self, cx: &Context) {
        for peer in cx.peers() {
            cx.send(
                peer,
                &json!({ "type": "gossip", "totals": *self.totals.borrow() }),
            );
        }
    }

    fn merge(&self, news: Totals) {
        let mut totals = self.totals.borrow_mut();
        for (name, (number, total)) in news {
            if name == self.me {
                continue;
            }
            let known = totals.entry(name).or_default();
            match self.flaw {
                Flaw::Maximum => *known = (number, total.max(known.1)),
                Flaw::Sum if number > known.0 => *known = (number, total + known.1),
                Flaw::LastArrival => *known = (number, total),
                _ => *known = (*known).max((number, total)),
            }
        }
    }
}

impl Node for PnCounter {
    type Request = Request;
    type Reply = Option<Value>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Value>> {
        match request {
            Request::Add { delta } => {
                let mut totals = self.totals.borrow_mut();
                let (number, total) = totals.entry(self.me.clone()).or_default();
                (*number, *total) = (*number + 1, *total + delta);
                drop(totals);
                self.send_totals(cx);
                Ok(Some(json!({ "type": "add_ok" })))
            }
            Request::Read => {
                let totals = self.totals.borrow();
                let sum: i64 = totals.values().map(|(_, total)| total).sum();
                Ok(Some(json!({ "type": "read_ok", "value": sum })))
            }
            Request::Gossip { totals } => {
                self.merge(totals);
                Ok(None)
            }
        }
    }

    async fn background(&self, cx: &Context) {
        if self.flaw == Flaw::SendsOnce {
            return;
        }
        loop {
            sleep(ms(500)).await;
            self.send_totals(cx);
        }
    }
}

fn run(flaw: Flaw, world: World, seed: Seed) -> Run {
    let nodes = Simulation::new(seed).nodes(3, move |cx: &Context| PnCounter::new(flaw, cx));
    let load = Load::of(workload::PnCounter)
        .rate(20.0)
        .time_limit(secs(10));
    world.around(nodes).run(load)
}

#[test]
fn every_mutant_is_rejected_for_its_flaw() {
    SPECIMENS.assert_rejected();
}

#[test]
fn correct_counter_is_accepted_where_mutants_are_rejected() {
    SPECIMENS.assert_sibling_accepted();
}
