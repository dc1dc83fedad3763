//! A grow-only set as a replicated data type, and the mistakes that one can make with it. Each
//! differs from what is right in one line, and the workload must reject it.

use std::cell::RefCell;
use std::collections::BTreeSet;

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
    /// A node tells what it has just heard from its client, and does not repeat it.
    TellsOnce,
    /// A node keeps the larger of two sets instead of their union.
    KeepsTheLarger,
    /// A node has told what it has sent: it never sends it again.
    BelievesInLinks,
    /// A node acknowledges an element that it has not yet told anybody, and may die before.
    AcknowledgesFirst,
    /// One element of ten is acknowledged and dropped.
    DropsOneOfTen,
}

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::GSet,
    |world, seed| run(Flaw::None, world, seed),
    &[
        Mutant {
            flaw: "tell the others only once",
            world: World::Partitions,
            anomaly: "lost",
            run: |world, seed| run(Flaw::TellsOnce, world, seed),
        },
        Mutant {
            flaw: "keep the larger of two sets",
            world: World::Distance,
            anomaly: "lost",
            run: |world, seed| run(Flaw::KeepsTheLarger, world, seed),
        },
        Mutant {
            flaw: "have told what they have sent",
            world: World::Loss,
            anomaly: "lost",
            run: |world, seed| run(Flaw::BelievesInLinks, world, seed),
        },
        Mutant {
            flaw: "acknowledge an element before they tell anybody",
            world: World::Deaths,
            anomaly: "lost",
            run: |world, seed| run(Flaw::AcknowledgesFirst, world, seed),
        },
        Mutant {
            flaw: "acknowledge an element of ten, and drop it",
            world: World::Calm,
            anomaly: "lost",
            run: |world, seed| run(Flaw::DropsOneOfTen, world, seed),
        },
    ],
);

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Add { element: i64 },
    Read,
    Gossip { elements: BTreeSet<i64> },
}

struct GSet {
    flaw: Flaw,
    elements: RefCell<BTreeSet<i64>>,
    told: RefCell<BTreeSet<i64>>,
}

impl GSet {
    fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            elements: RefCell::default(),
            told: RefCell::default(),
        }
    }

    fn tell(&self, elements: &BTreeSet<i64>, cx: &Context) {
        for peer in cx.peers() {
            cx.send(peer, &json!({ "type": "gossip", "elements": elements }));
        }
    }

    fn add(&self, element: i64, cx: &Context) {
        if self.flaw == Flaw::DropsOneOfTen && element % 10 == 7 {
            return;
        }
        self.elements.borrow_mut().insert(element);
        if self.flaw != Flaw::AcknowledgesFirst {
            self.tell(&BTreeSet::from([element]), cx);
        }
    }

    fn merge(&self, news: BTreeSet<i64>) {
        let mut elements = self.elements.borrow_mut();
        match self.flaw {
            Flaw::KeepsTheLarger if news.len() <= elements.len() => {}
            Flaw::KeepsTheLarger => *elements = news,
            _ => elements.extend(news),
        }
    }
}

impl Node for GSet {
    type Request = Request;
    type Reply = Option<Value>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Value>> {
        match request {
            Request::Add { element } => {
                self.add(element, cx);
                Ok(Some(json!({ "type": "add_ok" })))
            }
            Request::Read => {
                let elements = self.elements.borrow();
                Ok(Some(json!({ "type": "read_ok", "value": *elements })))
            }
            Request::Gossip { elements } => {
                self.merge(elements);
                Ok(None)
            }
        }
    }

    async fn background(&self, cx: &Context) {
        if self.flaw == Flaw::TellsOnce {
            return;
        }
        loop {
            sleep(ms(1000)).await;
            let elements = self.elements.borrow().clone();
            if self.flaw == Flaw::BelievesInLinks {
                self.tell(&(&elements - &self.told.borrow()), cx);
                *self.told.borrow_mut() = elements;
            } else {
                self.tell(&elements, cx);
            }
        }
    }
}

fn run(flaw: Flaw, world: World, seed: Seed) -> Run {
    let nodes = Simulation::new(seed).nodes(3, move |_: &Context| GSet::new(flaw));
    let load = Load::of(workload::GSet).rate(20.0).time_limit(secs(10));
    world.around(nodes).run(load)
}

#[test]
fn every_mutant_is_rejected_for_what_is_wrong_with_it() {
    SPECIMENS.assert_rejected();
}

#[test]
fn a_set_that_is_right_is_accepted_wherever_a_mutant_is_not() {
    SPECIMENS.assert_sibling_accepted();
}
