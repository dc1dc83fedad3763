//! A balancer that passes every second job to the next node, and the mistakes that balancers make.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, ms, secs};
use eddy::workload;
use glomers::prelude::*;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::specimens::{Mutant, Specimens};
use crate::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    /// A job is acknowledged and never run.
    AcknowledgesOnly,
    /// A node names itself for a job that another has run.
    NamesItself,
    /// Any number of jobs run at a time.
    IgnoresSlots,
    /// A job is run again if its answer takes longer than most do.
    RunsAgain,
    /// A job is refused if its answer takes longer than most do.
    RefusesLate,
    /// The final question is never answered.
    KeepsNoAccount,
    /// The worker is sent as a number.
    WorkerIsNumber,
}

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::Jobs,
    |world, seed| run(Flaw::None, world, seed),
    &[
        Mutant {
            flaw: "acknowledge a job that they do not run",
            world: World::Calm,
            anomaly: "lost",
            run: |world, seed| run(Flaw::AcknowledgesOnly, world, seed),
        },
        Mutant {
            flaw: "name themselves for a job that another ran",
            world: World::Calm,
            anomaly: "wrong-worker",
            run: |world, seed| run(Flaw::NamesItself, world, seed),
        },
        Mutant {
            flaw: "run more jobs at a time than they have slots",
            world: World::Calm,
            anomaly: "too-fast",
            run: |world, seed| run(Flaw::IgnoresSlots, world, seed),
        },
        Mutant {
            flaw: "run a job again when its answer is late",
            world: World::Calm,
            anomaly: "repeated",
            run: |world, seed| run(Flaw::RunsAgain, world, seed),
        },
        Mutant {
            flaw: "refuse a job when its answer is late",
            world: World::Calm,
            anomaly: "refused-but-run",
            run: |world, seed| run(Flaw::RefusesLate, world, seed),
        },
        Mutant {
            flaw: "do not say what they have run",
            world: World::Calm,
            anomaly: "no-final-answer",
            run: |world, seed| run(Flaw::KeepsNoAccount, world, seed),
        },
        Mutant {
            flaw: "send the worker as a number",
            world: World::Calm,
            anomaly: "malformed-reply",
            run: |world, seed| run(Flaw::WorkerIsNumber, world, seed),
        },
    ],
);

/// An answer that takes longer is late, for the flaws that care.
const LATE: Duration = ms(40);

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Capacity { slots: usize, ms_per_unit: u64 },
    Job { job: String, units: u64 },
    Executed,
    Work { job: String, units: u64 },
}

struct Balancer {
    flaw: Flaw,
    /// The slots, and the milliseconds that a unit takes.
    capacity: RefCell<(Rc<Semaphore>, u64)>,
    taken: Cell<usize>,
    ran: RefCell<BTreeMap<String, u64>>,
}

impl Balancer {
    fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            capacity: RefCell::new((Rc::new(Semaphore::new(0)), 0)),
            taken: Cell::new(0),
            ran: RefCell::default(),
        }
    }

    /// Holds a slot for as long as the job takes.
    async fn work(&self, job: String, units: u64) {
        let (slots, ms_per_unit) = self.capacity.borrow().clone();
        let slot = match self.flaw {
            Flaw::IgnoresSlots => None,
            _ => slots.acquire().await.ok(),
        };
        sleep(ms(units * ms_per_unit)).await;
        drop(slot);
        *self.ran.borrow_mut().entry(job).or_default() += 1;
    }

    /// Runs a job here or at the next node. Returns the node that is named as its worker.
    async fn balance(&self, job: String, units: u64, cx: &Context) -> Result<String> {
        let count = self.taken.get();
        self.taken.set(count + 1);
        if self.flaw == Flaw::AcknowledgesOnly && count % 8 == 7 {
            let (_, ms_per_unit) = *self.capacity.borrow();
            sleep(ms(units * ms_per_unit)).await;
            return Ok(cx.id().to_owned());
        }
        if count.is_multiple_of(2) {
            self.work(job, units).await;
            return Ok(cx.id().to_owned());
        }
        let position = cx.nodes().iter().position(|node| **node == *cx.id());
        let next = position.map_or(0, |position| (position + 1) % cx.nodes().len());
        let next = &*cx.nodes()[next];
        let work = json!({ "type": "work", "job": job, "units": units });
        let patience = match self.flaw {
            Flaw::RunsAgain | Flaw::RefusesLate => LATE,
            _ => secs(60),
        };
        let done = cx.call_within::<Value>(patience, next, &work).await;
        match (done, self.flaw) {
            (Ok(_), Flaw::NamesItself) => Ok(cx.id().to_owned()),
            (Ok(_), _) => Ok(next.to_owned()),
            (Err(_), Flaw::RunsAgain) => {
                self.work(job, units).await;
                Ok(cx.id().to_owned())
            }
            (Err(_), _) => Err(Error::temporarily_unavailable("no answer in time")),
        }
    }
}

impl Node for Balancer {
    type Request = Request;
    type Reply = Option<Value>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Value>> {
        Ok(match request {
            Request::Capacity { slots, ms_per_unit } => {
                *self.capacity.borrow_mut() = (Rc::new(Semaphore::new(slots)), ms_per_unit);
                Some(json!({ "type": "capacity_ok" }))
            }
            Request::Job { job, units } => {
                let worker = self.balance(job, units, cx).await?;
                let worker = match self.flaw {
                    Flaw::WorkerIsNumber => json!(1),
                    _ => json!(worker),
                };
                Some(json!({ "type": "job_ok", "worker": worker }))
            }
            Request::Work { job, units } => {
                self.work(job, units).await;
                Some(json!({ "type": "work_ok" }))
            }
            Request::Executed if self.flaw == Flaw::KeepsNoAccount => None,
            Request::Executed => {
                let jobs: Vec<(String, u64)> = self.ran.borrow().clone().into_iter().collect();
                Some(json!({ "type": "executed_ok", "jobs": jobs }))
            }
        })
    }
}

fn run(flaw: Flaw, world: World, seed: Seed) -> Run {
    let nodes = Simulation::new(seed).nodes(3, move |_: &Context| Balancer::new(flaw));
    let load = Load::of(workload::Jobs)
        .option("capacities", "4")
        .option("load", 0.4)
        .option("skew", 0.4)
        .time_limit(secs(5));
    world.around(nodes).run(load)
}

#[test]
fn every_mutant_is_rejected_for_what_is_wrong_with_it() {
    SPECIMENS.assert_rejected();
}

#[test]
fn right_balancer_is_accepted_wherever_a_mutant_is_not() {
    SPECIMENS.assert_sibling_accepted();
}
