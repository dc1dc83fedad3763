//! Echo nodes with one flaw each, which the workload must reject.

use std::cell::RefCell;

use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use serde_json::json;
use tokio::time::sleep;

use crate::specimens::{Mutant, Specimens};
use crate::world::World;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    AnswersWithTheLast,
    MixesUp,
    SaysItTwice,
    Shortens,
    Refuses,
    Silent,
}

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::Echo,
    |world, seed| run(Flaw::None, world, seed),
    &[
        Mutant {
            flaw: "answer with the previous request",
            world: World::Calm,
            anomaly: "mismatch",
            run: |world, seed| run(Flaw::AnswersWithTheLast, world, seed),
        },
        Mutant {
            flaw: "keep the text of concurrent requests in one shared variable",
            world: World::Calm,
            anomaly: "mismatch",
            run: |world, seed| run(Flaw::MixesUp, world, seed),
        },
        Mutant {
            flaw: "repeat the text in the reply",
            world: World::Calm,
            anomaly: "mismatch",
            run: |world, seed| run(Flaw::SaysItTwice, world, seed),
        },
        Mutant {
            flaw: "return only the first 14 letters",
            world: World::Calm,
            anomaly: "mismatch",
            run: |world, seed| run(Flaw::Shortens, world, seed),
        },
        Mutant {
            flaw: "refuse every request",
            world: World::Calm,
            anomaly: "mismatch",
            run: |world, seed| run(Flaw::Refuses, world, seed),
        },
        Mutant {
            flaw: "never answer",
            world: World::Calm,
            anomaly: "nothing succeeds",
            run: |world, seed| run(Flaw::Silent, world, seed),
        },
    ],
);

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Echo { echo: String },
}

struct Echo {
    flaw: Flaw,
    /// The text of the last request.
    last: RefCell<String>,
}

impl Node for Echo {
    type Request = Request;
    type Reply = Value;

    async fn handle(&self, Request::Echo { echo }: Request, _: &Context) -> Result<Value> {
        let before = self.last.replace(echo.clone());
        let echo = match self.flaw {
            Flaw::None => echo,
            Flaw::AnswersWithTheLast => before,
            Flaw::MixesUp => {
                sleep(ms(20)).await;
                self.last.borrow().clone()
            }
            Flaw::SaysItTwice => echo.repeat(2),
            Flaw::Shortens => echo.chars().take(14).collect(),
            Flaw::Refuses => return Err(Error::temporarily_unavailable("not now")),
            Flaw::Silent => std::future::pending().await,
        };
        Ok(json!({ "type": "echo_ok", "echo": echo }))
    }
}

fn run(flaw: Flaw, world: World, seed: Seed) -> Run {
    let nodes = Simulation::new(seed).nodes(3, move |_: &Context| Echo {
        flaw,
        last: RefCell::default(),
    });
    let load = Load::of(workload::Echo).rate(100.0).time_limit(secs(10));
    world.around(nodes).run(load.concurrency(9))
}

#[test]
fn every_mutant_is_rejected_for_its_flaw() {
    SPECIMENS.assert_rejected();
}

#[test]
fn correct_echo_is_accepted_where_mutants_are_rejected() {
    SPECIMENS.assert_sibling_accepted();
}
