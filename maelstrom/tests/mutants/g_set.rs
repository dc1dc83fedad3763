//! A grow-only set as a replicated data type, and the mistakes that one can make with it. Each
//! differs from what is right in one line, and the workload must reject it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use eddy::check::{Verdict, Workload};
use eddy::nemesis::{Fault, Kill, Loss, Partition};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Simulation, ms, secs};
use glomers::prelude::*;
use serde_json::json;
use tokio::time::sleep;

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

/// What the nodes have to live with.
#[derive(Clone, Copy, Debug)]
enum World {
    Calm,
    Loss,
    Partitions,
    /// Without latency: what a node has said is out when it dies.
    Deaths,
}

fn verdict(flaw: Flaw, world: World, seed: u64) -> Verdict {
    let nodes = Simulation::new(Seed(seed)).nodes(3, move |_: &Context| GSet::new(flaw));
    let nodes = match world {
        World::Calm => nodes.latency(Latency::constant(ms(50))),
        World::Loss => nodes.nemesis(Loss::of(0.3).always()),
        World::Partitions => nodes.nemesis(Partition::any().every(secs(2))),
        World::Deaths => nodes.nemesis(Kill::one().every(secs(2))),
    };
    let run = nodes.run(Load::of(Workload::GSet).rate(20.0).lasting(secs(10)));
    assert!(run.failure().is_none(), "{:?}", run.failure());
    run.results().workload().as_dyn().verdict()
}

/// A mutant is caught with a lost element on one of so many seeds.
fn assert_rejected(flaw: Flaw, world: World, seeds: u64) {
    let caught = (0..seeds).find(|&seed| verdict(flaw, world, seed) == Verdict::Invalid);
    let seed = caught.unwrap_or_else(|| panic!("{flaw:?} passes for right on {seeds} seeds"));
    eprintln!("{flaw:?} is caught on seed {seed}");
}

#[test]
fn a_set_that_is_right_is_accepted_in_every_world() {
    for world in [World::Calm, World::Loss, World::Partitions, World::Deaths] {
        for seed in 0..10 {
            assert_eq!(
                verdict(Flaw::None, world, seed),
                Verdict::Valid,
                "{world:?} {seed}"
            );
        }
    }
}

#[test]
fn a_node_that_tells_the_others_only_once_is_rejected() {
    assert_rejected(Flaw::TellsOnce, World::Partitions, 10);
}

#[test]
fn a_node_that_keeps_the_larger_set_is_rejected() {
    assert_rejected(Flaw::KeepsTheLarger, World::Calm, 10);
}

#[test]
fn a_node_that_believes_in_links_is_rejected() {
    assert_rejected(Flaw::BelievesInLinks, World::Loss, 10);
}

#[test]
fn a_node_that_acknowledges_before_it_tells_anybody_is_rejected() {
    assert_rejected(Flaw::AcknowledgesFirst, World::Deaths, 10);
}

#[test]
fn a_node_that_drops_elements_is_rejected() {
    assert_rejected(Flaw::DropsOneOfTen, World::Calm, 1);
}
