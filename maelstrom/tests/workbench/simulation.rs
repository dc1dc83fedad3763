//! Tests of the simulator itself: runs repeat exactly, and nodes that never yield fail a run.

use std::cell::{Cell, RefCell};

use eddy::check::Verdict;
use eddy::nemesis::{ClockSkew, Delays, Duplication, Fault, Kill, Loss, Partition, Pause};
use eddy::net::Latency;
use eddy::simulation::{Load, Run, Simulation, for_each_seed, ms, secs};
use eddy::workload;
use glomers::prelude::*;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Topology {},
    Broadcast { message: u64 },
    Read {},
    Gossip { message: u64 },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    TopologyOk,
    BroadcastOk,
    ReadOk { messages: Vec<u64> },
}

/// Sends every value to all other nodes, once, after a random delay.
#[derive(Default)]
struct Flood {
    values: RefCell<Vec<u64>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Gossip {
    Gossip { message: u64 },
}

impl Node for Flood {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        Ok(Some(match request {
            Request::Topology {} => Reply::TopologyOk,
            Request::Broadcast { message } => {
                self.values.borrow_mut().push(message);
                let pause = ms(cx.rng().random_range(0..10));
                tokio::time::sleep(pause).await;
                for peer in cx.peers() {
                    cx.send(peer, &Gossip::Gossip { message });
                }
                Reply::BroadcastOk
            }
            Request::Read {} => Reply::ReadOk {
                messages: self.values.borrow().clone(),
            },
            Request::Gossip { message } => {
                self.values.borrow_mut().push(message);
                return Ok(None);
            }
        }))
    }
}

fn storm(seed: u64) -> Run {
    Simulation::new(seed)
        .nodes(5, |_: &Context| Flood::default())
        .latency(Latency::exponential(ms(50)))
        .nemesis(Partition::any().every(secs(2)))
        .nemesis(Kill::one().every(secs(3)))
        .nemesis(Pause::one().every(secs(3)))
        .nemesis(Loss::of(0.05).every(secs(2)))
        .nemesis(Duplication::of(0.05).every(secs(2)))
        .nemesis(Delays::of(0.1, ms(200)).every(secs(2)))
        .nemesis(ClockSkew::up_to_ms(500).every(secs(2)))
        .record_all_messages()
        .run(
            Load::of(workload::Broadcast)
                .rate(50.0)
                .time_limit(secs(10)),
        )
}

/// The faults are part of the run, so they must happen again in the same way.
#[test]
fn same_seed_gives_same_messages() {
    let first = storm(7);
    first.assert_same(&storm(7));
    let events = first.journal().events();
    assert!(events.len() > 1000, "only {} events", events.len());
    let counts = first.net();
    assert!(counts.dropped > 0 && counts.lost > 0, "{counts:?}");
    assert!(counts.duplicated > 0 && counts.delayed > 0, "{counts:?}");
    assert!(first.kills() > 0 && first.pauses() > 0);
}

#[test]
#[should_panic(expected = "differs: Some(")]
fn different_seed_gives_a_different_run() {
    storm(7).assert_same(&storm(8));
}

/// A node that yields without end, so that virtual time would never pass.
struct Spinner;

impl Node for Spinner {
    type Request = Value;
    type Reply = Option<Value>;

    async fn handle(&self, _: Value, _: &Context) -> Result<Option<Value>> {
        loop {
            tokio::task::yield_now().await;
        }
    }
}

#[test]
fn spinning_node_fails_its_run() {
    let run = Simulation::new(1)
        .nodes(1, |_: &Context| Spinner)
        .run(Load::of(workload::Echo).time_limit(secs(1)));
    let failure = format!("{:#}", run.failure().expect("the run breaks off"));
    assert!(failure.contains("node n0 spins"), "{failure}");
    assert_eq!(run.verdict(), Verdict::Invalid);
}

#[test]
#[should_panic(expected = "seed 1: echo, 1 nodes")]
fn failed_assertion_begins_with_the_seed() {
    Simulation::new(1)
        .nodes(1, |_: &Context| Spinner)
        .run(Load::of(workload::Echo).time_limit(secs(1)))
        .assert_valid();
}

/// Two nodes that answer each other without end, without latency.
struct PingPong;

impl Node for PingPong {
    type Request = Value;
    type Reply = Option<Value>;

    async fn handle(&self, ball: Value, cx: &Context) -> Result<Option<Value>> {
        cx.send(&cx.peers()[0], &ball);
        Ok(None)
    }
}

#[test]
fn nodes_that_exchange_messages_at_one_instant_fail_their_run() {
    let run = Simulation::new(1)
        .nodes(2, |_: &Context| PingPong)
        .run(Load::of(workload::Echo).time_limit(secs(1)));
    let failure = format!("{:#}", run.failure().expect("the run breaks off"));
    assert!(failure.contains("without letting time pass"), "{failure}");
}

/// Answers with the number of ticks of its timer.
struct Clock {
    ticks: Cell<u64>,
}

impl Node for Clock {
    type Request = Value;
    type Reply = Value;

    async fn handle(&self, _: Value, _: &Context) -> Result<Value> {
        let ticks = self.ticks.get();
        Ok(serde_json::json!({ "type": "generate_ok", "id": ticks }))
    }

    async fn background(&self, _: &Context) {
        loop {
            tokio::time::sleep(ms(10)).await;
            self.ticks.set(self.ticks.get() + 1);
        }
    }
}

/// Returns the largest number of ticks that a client saw.
fn ticks(run: &Run) -> i64 {
    let ok = run
        .history()
        .clients()
        .filter(|op| op.kind == eddy::history::Kind::Ok);
    ok.filter_map(|op| op.value.as_int())
        .max()
        .expect("some operation succeeded")
}

#[test]
fn paused_node_does_not_tick_and_killed_node_starts_from_zero() {
    let simulate = |schedule| {
        let simulation = Simulation::new(3).nodes(1, |_: &Context| Clock {
            ticks: Cell::new(0),
        });
        let simulation = match schedule {
            Some(schedule) => simulation.nemesis(schedule),
            None => simulation,
        };
        simulation.run(
            Load::of(workload::UniqueIds)
                .rate(100.0)
                .time_limit(secs(10)),
        )
    };
    let whole = ticks(&simulate(None));
    assert!((990..=1001).contains(&whole), "{whole}");
    let paused = ticks(&simulate(Some(Pause::one().between(secs(1), secs(3)))));
    assert!((790..=802).contains(&paused), "{paused}");
    let killed = ticks(&simulate(Some(Kill::one().between(secs(1), secs(2)))));
    assert!((790..=802).contains(&killed), "{killed}");
}

/// A script begins a cut, which ends when its guard is dropped.
#[test]
fn scripted_cut_lasts_as_long_as_its_guard() {
    for_each_seed(|seed| {
        let run = Simulation::new(seed)
            .nodes(2, |_: &Context| Flood::default())
            .script(|world| async move {
                tokio::time::sleep(secs(2)).await;
                let cut = world.cut(&[0], &[1]);
                tokio::time::sleep(secs(2)).await;
                drop(cut);
            })
            .run(Load::of(workload::Broadcast).rate(50.0).time_limit(secs(6)));
        let dropped = run.net().dropped;
        // About a third of the 150 broadcasts falls into the cut.
        assert!(
            (20..90).contains(&dropped),
            "{dropped} messages were dropped"
        );
        assert_eq!(run.verdict(), Verdict::Invalid, "what was dropped is lost");
    });
}

/// The end of one of two schedules of a kind leaves the other in force.
#[test]
fn overlapping_faults_of_one_kind_compose() {
    let run = Simulation::new(1)
        .nodes(2, |_: &Context| Flood::default())
        .nemesis(Loss::of(1.0).between(secs(1), secs(9)))
        .nemesis(Loss::of(1.0).between(secs(2), secs(3)))
        .record_all_messages()
        .run(Load::of(workload::Broadcast).rate(50.0).time_limit(secs(8)));
    let lost = run.net().lost;
    // One message for each broadcast, which is half of the operations, in all but the first second.
    assert!((120..220).contains(&lost), "{lost} messages were lost");
}
