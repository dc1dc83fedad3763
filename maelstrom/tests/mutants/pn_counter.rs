//! A counter that goes up and down as a replicated data type, and the mistakes that one can make
//! with it. Each differs from what is right in one line, and the workload must reject it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use eddy::check::{Verdict, Workload};
use eddy::nemesis::{Delays, Fault, Kill, Partition};
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Load, Simulation, ms, secs};
use glomers::prelude::*;
use serde_json::json;
use tokio::time::sleep;

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

/// What the nodes have to live with.
#[derive(Clone, Copy, Debug)]
enum World {
    Calm,
    Disorder,
    Partitions,
    /// Without latency: what a node has said is out when it dies.
    Deaths,
}

fn verdict(flaw: Flaw, world: World, seed: u64) -> Verdict {
    let nodes = Simulation::new(Seed(seed)).nodes(3, move |cx: &Context| PnCounter::new(flaw, cx));
    let nodes = match world {
        World::Calm => nodes,
        World::Disorder => nodes
            .latency(Latency::exponential(ms(50)))
            .nemesis(Delays::of(0.2, secs(2)).always()),
        World::Partitions => nodes.nemesis(Partition::any().every(secs(2))),
        World::Deaths => nodes.nemesis(Kill::one().every(secs(2))),
    };
    let run = nodes.run(Load::of(Workload::PnCounter).rate(20.0).lasting(secs(10)));
    assert!(run.failure().is_none(), "{:?}", run.failure());
    run.results().workload().as_dyn().verdict()
}

/// A mutant is caught with a wrong final read on one of so many seeds.
fn assert_rejected(flaw: Flaw, world: World, seeds: u64) {
    let caught = (0..seeds).find(|&seed| verdict(flaw, world, seed) == Verdict::Invalid);
    let seed = caught.unwrap_or_else(|| panic!("{flaw:?} passes for right on {seeds} seeds"));
    eprintln!("{flaw:?} is caught on seed {seed}");
}

#[test]
fn a_counter_that_is_right_is_accepted_in_every_world() {
    for world in [
        World::Calm,
        World::Disorder,
        World::Partitions,
        World::Deaths,
    ] {
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
fn totals_that_are_merged_as_if_they_only_grew_are_rejected() {
    assert_rejected(Flaw::Maximum, World::Calm, 10);
}

#[test]
fn totals_that_are_taken_for_deltas_are_rejected() {
    assert_rejected(Flaw::Sum, World::Calm, 10);
}

#[test]
fn totals_that_are_overtaken_by_older_ones_are_rejected() {
    assert_rejected(Flaw::HeardLast, World::Disorder, 10);
}

#[test]
fn a_node_that_comes_back_under_its_old_name_is_rejected() {
    assert_rejected(Flaw::OldName, World::Deaths, 10);
}

#[test]
fn a_node_that_tells_the_others_only_once_is_rejected() {
    assert_rejected(Flaw::TellsOnce, World::Partitions, 10);
}
