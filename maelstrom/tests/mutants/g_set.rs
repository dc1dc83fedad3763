//! A grow-only set as a replicated data type, and typical mistakes in it. Each differs from the
//! correct set in one line, and the workload must reject it.

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
    /// A node sends each element once, when its client adds it.
    SendsOnce,
    /// A node keeps the larger of two sets instead of their union.
    KeepsTheLarger,
    /// A node never repeats an element that it has sent, whether or not it arrived.
    NeverRepeats,
    /// A node acknowledges an element before it sends it, and may be killed in between.
    AcknowledgesFirst,
    /// A node acknowledges one element in ten without storing it.
    DropsOneOfTen,
}

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::GSet,
    |world, seed| run(Flaw::None, world, seed),
    &[
        Mutant {
            flaw: "send each element to the others only once",
            world: World::Partitions,
            anomaly: "lost",
            run: |world, seed| run(Flaw::SendsOnce, world, seed),
        },
        Mutant {
            flaw: "keep the larger of two sets instead of their union",
            world: World::Distance,
            anomaly: "lost",
            run: |world, seed| run(Flaw::KeepsTheLarger, world, seed),
        },
        Mutant {
            flaw: "consider every element that they sent delivered",
            world: World::Loss,
            anomaly: "lost",
            run: |world, seed| run(Flaw::NeverRepeats, world, seed),
        },
        Mutant {
            flaw: "acknowledge an element before they send it to a peer",
            world: World::Deaths,
            anomaly: "lost",
            run: |world, seed| run(Flaw::AcknowledgesFirst, world, seed),
        },
        Mutant {
            flaw: "acknowledge one element in ten without storing it",
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
    sent: RefCell<BTreeSet<i64>>,
}

impl GSet {
    fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            elements: RefCell::default(),
            sent: RefCell::default(),
        }
    }

    fn send(&self, elements: &BTreeSet<i64>, cx: &Context) {
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
            self.send(&BTreeSet::from([element]), cx);
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
        if self.flaw == Flaw::SendsOnce {
            return;
        }
        loop {
            sleep(ms(1000)).await;
            let elements = self.elements.borrow().clone();
            if self.flaw == Flaw::NeverRepeats {
                self.send(&(&elements - &self.sent.borrow()), cx);
                *self.sent.borrow_mut() = elements;
            } else {
                self.send(&elements, cx);
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
fn every_mutant_is_rejected_for_its_flaw() {
    SPECIMENS.assert_rejected();
}

#[test]
fn correct_set_is_accepted_where_mutants_are_rejected() {
    SPECIMENS.assert_sibling_accepted();
}
