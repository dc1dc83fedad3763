//! A counter that goes up and down as a replicated data type, and the mistakes that one can make
//! with it. Each differs from what is right in one line, and the workload must reject it.

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
    /// Of two totals the greater one is believed, as if it could only grow.
    Maximum,
    /// A total is added to the one before, as if it said what has been added since.
    Sum,
    /// What was heard last is believed, though messages overtake each other.
    HeardLast,
    /// A node that comes back goes on under its old name, and numbers its totals from the start.
    OldName,
    /// A node tells what it has just heard from its client, and does not repeat it.
    TellsOnce,
}

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::PnCounter,
    |world, seed| run(Flaw::None, world, seed),
    &[
        Mutant {
            flaw: "merge totals as if they only grew",
            world: World::Calm,
            anomaly: "impossible sum",
            run: |world, seed| run(Flaw::Maximum, world, seed),
        },
        Mutant {
            flaw: "take totals for deltas",
            world: World::Calm,
            anomaly: "impossible sum",
            run: |world, seed| run(Flaw::Sum, world, seed),
        },
        Mutant {
            flaw: "believe what they heard last",
            world: World::Disorder,
            anomaly: "impossible sum",
            run: |world, seed| run(Flaw::HeardLast, world, seed),
        },
        Mutant {
            flaw: "come back under their old name",
            world: World::Deaths,
            anomaly: "impossible sum",
            run: |world, seed| run(Flaw::OldName, world, seed),
        },
        Mutant {
            flaw: "tell the others only once",
            world: World::Partitions,
            anomaly: "impossible sum",
            run: |world, seed| run(Flaw::TellsOnce, world, seed),
        },
    ],
);

/// A total with its number: what one life of one node was told.
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
        let life: u32 = match flaw {
            Flaw::OldName => 0,
            _ => cx.rng().random(),
        };
        Self {
            flaw,
            me: format!("{} {life}", cx.id()),
            totals: RefCell::default(),
        }
    }

    fn tell(&self, cx: &Context) {
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
                Flaw::HeardLast => *known = (number, total),
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
                self.tell(cx);
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
        if self.flaw == Flaw::TellsOnce {
            return;
        }
        loop {
            sleep(ms(500)).await;
            self.tell(cx);
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
fn every_mutant_is_rejected_for_what_is_wrong_with_it() {
    SPECIMENS.assert_rejected();
}

#[test]
fn a_counter_that_is_right_is_accepted_wherever_a_mutant_is_not() {
    SPECIMENS.assert_sibling_accepted();
}
