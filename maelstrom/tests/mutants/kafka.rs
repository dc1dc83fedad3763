//! Logs with one flaw each, which the workload must reject for that flaw.

mod polls;
mod storage;

use std::collections::BTreeMap;

use eddy::seed::Seed;
use eddy::simulation::{Load, Run, Simulation, secs};
use eddy::workload;
use glomers::prelude::*;

use crate::specimens::{Mutant, Specimens};
use crate::world::World;
use polls::*;
use storage::*;

type Log = Vec<Value>;

pub static SPECIMENS: Specimens = Specimens::new(
    &workload::Kafka,
    run::<Right>,
    &[
        Mutant {
            flaw: "append to a log without compare-and-set",
            world: World::LongDistance,
            anomaly: "inconsistent-offsets",
            run: run::<RepeatsOffsets>,
        },
        Mutant {
            flaw: "lose one message in a thousand",
            world: World::Calm,
            anomaly: "lost-write",
            run: run::<LosesOneInAThousand>,
        },
        Mutant {
            flaw: "acknowledge a message before they store it",
            world: World::Deaths,
            anomaly: "lost-write",
            run: run::<AcknowledgesFirst>,
        },
        Mutant {
            flaw: "lose their logs when they are killed",
            world: World::Deaths,
            anomaly: "inconsistent-offsets",
            run: run::<KeptInMemory>,
        },
        Mutant {
            flaw: "repeat a send that may have succeeded",
            world: World::LongDistance,
            anomaly: "duplicate",
            run: run::<RepeatsSends>,
        },
        Mutant {
            flaw: "report a definite error for a send that may have succeeded",
            world: World::LongDistance,
            anomaly: "G1a",
            run: run::<DeniesSends>,
        },
        Mutant {
            flaw: "skip a message between two polls",
            world: World::Calm,
            anomaly: "poll-skip",
            run: run::<Distorted<Skips>>,
        },
        Mutant {
            flaw: "skip a message within a poll",
            world: World::Calm,
            anomaly: "int-poll-skip",
            run: run::<Distorted<LeavesGaps>>,
        },
        Mutant {
            flaw: "reverse a poll",
            world: World::Calm,
            anomaly: "int-nonmonotonic-poll",
            run: run::<Distorted<Reverses>>,
        },
        Mutant {
            flaw: "never show the newest message",
            world: World::Calm,
            anomaly: "unseen",
            run: run::<Distorted<HidesTheNewest>>,
        },
        Mutant {
            flaw: "show a message again",
            world: World::Calm,
            anomaly: "nonmonotonic-poll",
            run: run::<GoesBack>,
        },
        Mutant {
            flaw: "show a message before it is sent",
            world: World::Calm,
            anomaly: "G1c-realtime",
            run: run::<ForeseesMessages>,
        },
    ],
);

/// The operations of logs, which each mutant implements with its flaw.
trait Logs: Default + 'static {
    /// Appends a message, and returns its offset.
    async fn send(&self, key: &str, msg: Value, cx: &Context) -> Result<usize> {
        Right.send(key, msg, cx).await
    }

    /// Returns the messages from an offset on.
    async fn poll(&self, key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
        Right.poll(key, from, cx).await
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Send { key: String, msg: Value },
    Poll { offsets: BTreeMap<String, usize> },
    CommitOffsets {},
    ListCommittedOffsets {},
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    SendOk {
        offset: usize,
    },
    PollOk {
        msgs: BTreeMap<String, Vec<(usize, Value)>>,
    },
    CommitOffsetsOk {},
    ListCommittedOffsetsOk {
        offsets: BTreeMap<String, usize>,
    },
}

#[derive(Default)]
struct Broker<M>(M);

impl<M: Logs> Node for Broker<M> {
    type Request = Request;
    type Reply = Reply;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Reply> {
        Ok(match request {
            Request::Send { key, msg } => Reply::SendOk {
                offset: self.0.send(&key, msg, cx).await?,
            },
            Request::Poll { offsets } => {
                let mut msgs = BTreeMap::new();
                for (key, from) in offsets {
                    let found = self.0.poll(&key, from, cx).await?;
                    if !found.is_empty() {
                        msgs.insert(key, found);
                    }
                }
                Reply::PollOk { msgs }
            }
            Request::CommitOffsets {} => Reply::CommitOffsetsOk {},
            Request::ListCommittedOffsets {} => Reply::ListCommittedOffsetsOk {
                offsets: BTreeMap::new(),
            },
        })
    }
}

fn run<M: Logs>(world: World, seed: Seed) -> Run {
    let nodes = Simulation::new(seed).nodes(2, |_: &Context| Broker::<M>::default());
    let load = Load::of(workload::Kafka).rate(500.0).time_limit(secs(10));
    world.around(nodes).run(load.concurrency(4))
}

#[test]
fn every_mutant_is_rejected_for_its_flaw() {
    SPECIMENS.assert_rejected();
}

#[test]
fn correct_logs_are_accepted_where_mutants_are_rejected() {
    SPECIMENS.assert_sibling_accepted();
}

/// The correct logs: each is stored under its key in lin-kv, and every error is reported.
#[derive(Default)]
struct Right;

impl Logs for Right {
    async fn send(&self, key: &str, msg: Value, cx: &Context) -> Result<usize> {
        let append = |log: Option<Log>| {
            let mut log = log.unwrap_or_default();
            log.push(msg.clone());
            log
        };
        Ok(cx.lin_kv().update(key, append).await?.len() - 1)
    }

    async fn poll(&self, key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
        let log: Log = cx.lin_kv().read(key).await?.unwrap_or_default();
        Ok(log.into_iter().enumerate().skip(from).collect())
    }
}
