//! Ids are unique and sort by time under any clock and any number of restarts.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use glomers::{Link, Seams};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use unique_ids::UniqueIds;

/// A running node with a clock that the test sets.
struct Running {
    node: String,
    clock: Rc<Cell<Duration>>,
    to_node: UnboundedSender<Vec<u8>>,
    from_node: UnboundedReceiver<String>,
    served: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// Starts a node of a cluster of three.
    async fn start(node: &str, seed: u64) -> Self {
        let (link, to_node, from_node) = Link::in_memory();
        let clock = Rc::new(Cell::new(Duration::ZERO));
        let seams = Seams {
            wall_clock: Rc::new({
                let clock = Rc::clone(&clock);
                move || clock.get()
            }),
            seed,
            log: Rc::new(|_| {}),
        };
        let served = tokio::task::spawn_local(glomers::serve(link, seams, UniqueIds::new));
        let mut running = Self {
            node: node.to_owned(),
            clock,
            to_node,
            from_node,
            served,
        };
        let nodes = ["n0", "n1", "n2"];
        let init = json!({"type": "init", "msg_id": 1, "node_id": node, "node_ids": nodes});
        assert_eq!(running.ask(init).await["type"], "init_ok");
        running
    }

    async fn ask(&mut self, body: Value) -> Value {
        let request = json!({"src": "c1", "dest": self.node, "body": body});
        self.to_node.send(request.to_string().into_bytes()).unwrap();
        let reply: Value = serde_json::from_str(&self.from_node.recv().await.unwrap()).unwrap();
        reply["body"].clone()
    }

    /// Sets the clock and returns a new id.
    async fn generate(&mut self, clock_ms: u64) -> String {
        self.clock.set(Duration::from_millis(clock_ms));
        let reply = self.ask(json!({"type": "generate", "msg_id": 2})).await;
        assert_eq!(reply["type"], "generate_ok");
        reply["id"].as_str().expect("an id is a string").to_owned()
    }

    fn kill(self) {
        self.served.abort();
    }
}

fn in_virtual_time(test: impl AsyncFnOnce()) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build_local(Default::default())
        .unwrap();
    runtime.block_on(async { test().await });
}

#[test]
fn id_contains_time_count_and_node() {
    in_virtual_time(async || {
        let mut n2 = Running::start("n2", 1).await;
        let first = n2.generate(0x1234_5678).await;
        let second = n2.generate(0x1234_5678).await;
        assert_eq!(first.len(), 32);
        assert_eq!(first[..20], *"00001234567800000002", "time, count and node");
        assert_eq!(second[..20], *"00001234567800010002");
        assert_eq!(first[20..], second[20..], "both are of one incarnation");
    });
}

#[test]
fn ids_of_one_incarnation_increase_while_the_clock_steps_back() {
    in_virtual_time(async || {
        let mut node = Running::start("n0", 1).await;
        let mut ids = Vec::new();
        for clock_ms in [5000, 5000, 4000, 0, 4999, 5000, 5001, 3] {
            ids.push(node.generate(clock_ms).await);
        }
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:#?}");
    });
}

#[test]
fn used_up_count_carries_into_the_next_millisecond() {
    in_virtual_time(async || {
        let mut node = Running::start("n0", 1).await;
        let mut last = node.generate(7).await;
        for _ in 0..70_000 {
            let id = node.generate(7).await;
            assert!(last < id);
            last = id;
        }
        assert_eq!(last[..12], *"000000000008");
        let id = node.generate(8).await;
        assert!(last < id, "the clock catches up without repeating an id");
    });
}

#[test]
fn ids_of_different_nodes_sort_by_time() {
    in_virtual_time(async || {
        let mut n0 = Running::start("n0", 1).await;
        let mut n2 = Running::start("n2", 1).await;
        let early = n2.generate(1000).await;
        let late = n0.generate(1001).await;
        assert!(early < late);
    });
}

#[test]
fn node_restarted_at_the_same_time_issues_other_ids() {
    in_virtual_time(async || {
        let mut ids = BTreeSet::new();
        for seed in 0..100 {
            let mut node = Running::start("n1", seed).await;
            assert!(
                ids.insert(node.generate(1000).await),
                "after {seed} restarts"
            );
            node.kill();
        }
    });
}

/// A step of a random schedule.
#[derive(Clone, Debug)]
enum Step {
    Generate { clock_ms: u64 },
    Restart,
}

fn schedules() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let generate = (0..50_u64).prop_map(|clock_ms| Step::Generate { clock_ms });
    let step = prop_oneof![4 => generate, 1 => Just(Step::Restart)];
    proptest::collection::vec((0..3_usize, step), 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// All clocks are within fifty milliseconds, so timestamps are reused by several nodes and by
    /// several incarnations of one.
    #[test]
    fn random_clocks_and_restarts_yield_no_id_twice(schedule in schedules(), seed in 0..1000_u64) {
        in_virtual_time(async || {
            let mut nodes = Vec::new();
            for node in ["n0", "n1", "n2"] {
                nodes.push(Running::start(node, seed).await);
            }
            let mut seeds = seed + 1..;
            let mut ids = BTreeSet::new();
            for (node, step) in schedule {
                match step {
                    Step::Generate { clock_ms } => {
                        let id = nodes[node].generate(clock_ms).await;
                        assert!(ids.insert(id), "an id was issued twice");
                    }
                    Step::Restart => {
                        let seed = seeds.next().expect("seeds are endless");
                        let name = nodes[node].node.clone();
                        std::mem::replace(&mut nodes[node], Running::start(&name, seed).await).kill();
                    }
                }
            }
        });
    }
}
