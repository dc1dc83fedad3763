//! Generators of ids with one flaw each, which the workload must reject.

use std::cell::Cell;

use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, secs};
use eddy::workload;
use glomers::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::specimens::{Mutant, Specimens};
use crate::world::World;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Recipe {
    /// The node, a random number for each incarnation, and a count: correct.
    NodeIncarnationCount,
    Count,
    NodeCount,
    Clock,
    NodeClock,
    NodeClockCount,
    FewBits,
    SameSeed,
    SharedCounter,
    LagsBehind,
}

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::UniqueIds,
    |world, seed| run(Recipe::NodeIncarnationCount, world, seed),
    &[
        Mutant {
            flaw: "use a counter without the node's id",
            world: World::Calm,
            anomaly: "duplicated",
            run: |world, seed| run(Recipe::Count, world, seed),
        },
        Mutant {
            flaw: "count from zero after a restart",
            world: World::Deaths,
            anomaly: "duplicated",
            run: |world, seed| run(Recipe::NodeCount, world, seed),
        },
        Mutant {
            flaw: "use the clock without the node's id",
            world: World::Calm,
            anomaly: "duplicated",
            run: |world, seed| run(Recipe::Clock, world, seed),
        },
        Mutant {
            flaw: "use the same id for requests in one millisecond",
            world: World::Calm,
            anomaly: "duplicated",
            run: |world, seed| run(Recipe::NodeClock, world, seed),
        },
        Mutant {
            flaw: "count within a millisecond and assume that clocks never step back",
            world: World::Clocks,
            anomaly: "duplicated",
            run: |world, seed| run(Recipe::NodeClockCount, world, seed),
        },
        Mutant {
            flaw: "draw 20 bits",
            world: World::Calm,
            anomaly: "duplicated",
            run: |world, seed| run(Recipe::FewBits, world, seed),
        },
        Mutant {
            flaw: "draw 64 bits from the same seed in each incarnation",
            world: World::Deaths,
            anomaly: "duplicated",
            run: |world, seed| run(Recipe::SameSeed, world, seed),
        },
        Mutant {
            flaw: "increment a counter in lin-kv without compare-and-set",
            world: World::Distance,
            anomaly: "duplicated",
            run: |world, seed| run(Recipe::SharedCounter, world, seed),
        },
        Mutant {
            flaw: "continue from a stale count in lww-kv after a restart",
            world: World::Deaths,
            anomaly: "duplicated",
            run: |world, seed| run(Recipe::LagsBehind, world, seed),
        },
    ],
);

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Generate,
}

struct Ids {
    recipe: Recipe,
    incarnation: u64,
    count: Cell<u64>,
    /// The millisecond of the last id.
    last_ms: Cell<u128>,
}

impl Ids {
    fn new(recipe: Recipe, cx: &Context) -> Self {
        let incarnation = match recipe {
            Recipe::SameSeed => {
                let number = cx.nodes().iter().position(|node| **node == *cx.id());
                number.expect("a node is one of the nodes") as u64
            }
            _ => cx.rng().random(),
        };
        Self {
            recipe,
            incarnation,
            count: Cell::new(0),
            last_ms: Cell::new(0),
        }
    }

    fn next(&self) -> u64 {
        self.count.replace(self.count.get() + 1)
    }

    async fn generate(&self, cx: &Context) -> Result<String> {
        let me = cx.id();
        let now_ms = cx.wall_clock().as_millis();
        Ok(match self.recipe {
            Recipe::NodeIncarnationCount => format!("{me} {} {}", self.incarnation, self.next()),
            Recipe::Count => self.next().to_string(),
            Recipe::NodeCount => format!("{me} {}", self.next()),
            Recipe::Clock => now_ms.to_string(),
            Recipe::NodeClock => format!("{me} {now_ms}"),
            Recipe::NodeClockCount => {
                if self.last_ms.replace(now_ms) != now_ms {
                    self.count.set(0);
                }
                format!("{me} {now_ms} {}", self.next())
            }
            Recipe::FewBits => cx.rng().random_range(0..1_u32 << 20).to_string(),
            Recipe::SameSeed => {
                let mut rng = ChaCha8Rng::seed_from_u64(self.incarnation);
                rng.set_word_pos(u128::from(2 * self.next()));
                rng.random::<u64>().to_string()
            }
            Recipe::SharedCounter => {
                let count = cx.lin_kv().read::<u64>("count").await?.unwrap_or(0);
                cx.lin_kv().write("count", count + 1).await?;
                count.to_string()
            }
            Recipe::LagsBehind => {
                if self.count.get() == 0 {
                    let count = cx.lww_kv().read::<u64>(me).await?.unwrap_or(0);
                    self.count.update(|now| now.max(count));
                }
                let count = self.next();
                cx.lww_kv().write(me, count + 1).await?;
                format!("{me} {count}")
            }
        })
    }
}

impl Node for Ids {
    type Request = Request;
    type Reply = Value;

    async fn handle(&self, Request::Generate: Request, cx: &Context) -> Result<Value> {
        Ok(json!({ "type": "generate_ok", "id": self.generate(cx).await? }))
    }
}

fn run(recipe: Recipe, world: World, seed: Seed) -> Run {
    let nodes = Simulation::new(seed).nodes(3, move |cx: &Context| Ids::new(recipe, cx));
    let load = Load::of(workload::UniqueIds)
        .rate(300.0)
        .time_limit(secs(10));
    world.around(nodes).run(load.concurrency(9))
}

#[test]
fn every_mutant_is_rejected_for_its_flaw() {
    SPECIMENS.assert_rejected();
}

#[test]
fn correct_ids_are_accepted_where_mutants_are_rejected() {
    SPECIMENS.assert_sibling_accepted();
}
