//! Ids are unique and sort by time, whatever the clock does and however often nodes die.

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

/// One life of a node, under a clock that the test sets.
struct Life {
    node: String,
    clock: Rc<Cell<Duration>>,
    to_node: UnboundedSender<Vec<u8>>,
    from_node: UnboundedReceiver<String>,
    served: JoinHandle<anyhow::Result<()>>,
}

impl Life {
    /// Starts a node of a cluster of three.
    async fn begin(node: &str, seed: u64) -> Self {
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
        let mut life = Self {
            node: node.to_owned(),
            clock,
            to_node,
            from_node,
            served,
        };
        let nodes = ["n0", "n1", "n2"];
        let init = json!({"type": "init", "msg_id": 1, "node_id": node, "node_ids": nodes});
        assert_eq!(life.ask(init).await["type"], "init_ok");
        life
    }

    async fn ask(&mut self, body: Value) -> Value {
        let request = json!({"src": "c1", "dest": self.node, "body": body});
        self.to_node.send(request.to_string().into_bytes()).unwrap();
        let reply: Value = serde_json::from_str(&self.from_node.recv().await.unwrap()).unwrap();
        reply["body"].clone()
    }

    /// An id, with the clock at so many milliseconds.
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
fn an_id_shows_when_and_where_it_was_issued() {
    in_virtual_time(async || {
        let mut n2 = Life::begin("n2", 1).await;
        let first = n2.generate(0x1234_5678).await;
        let second = n2.generate(0x1234_5678).await;
        assert_eq!(first.len(), 32);
        assert_eq!(
            first[..20],
            *"00001234567800000002",
            "time, count, and node"
        );
        assert_eq!(second[..20], *"00001234567800010002");
        assert_eq!(first[20..], second[20..], "one life, one incarnation");
    });
}

#[test]
fn ids_of_one_life_increase_even_while_the_clock_steps_back() {
    in_virtual_time(async || {
        let mut node = Life::begin("n0", 1).await;
        let mut ids = Vec::new();
        for clock_ms in [5000, 5000, 4000, 0, 4999, 5000, 5001, 3] {
            ids.push(node.generate(clock_ms).await);
        }
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:#?}");
    });
}

#[test]
fn more_ids_than_a_millisecond_can_count_go_on_into_the_next() {
    in_virtual_time(async || {
        let mut node = Life::begin("n0", 1).await;
        let mut last = node.generate(7).await;
        for _ in 0..70_000 {
            let id = node.generate(7).await;
            assert!(last < id);
            last = id;
        }
        assert_eq!(last[..12], *"000000000008");
        let id = node.generate(8).await;
        assert!(last < id, "nor does the clock catch up with an id twice");
    });
}

#[test]
fn ids_of_different_nodes_sort_by_the_clock() {
    in_virtual_time(async || {
        let mut n0 = Life::begin("n0", 1).await;
        let mut n2 = Life::begin("n2", 1).await;
        let early = n2.generate(1000).await;
        let late = n0.generate(1001).await;
        assert!(early < late);
    });
}

#[test]
fn a_node_restarted_at_the_same_instant_issues_other_ids() {
    in_virtual_time(async || {
        let mut ids = BTreeSet::new();
        for seed in 0..100 {
            let mut node = Life::begin("n1", seed).await;
            assert!(
                ids.insert(node.generate(1000).await),
                "after {seed} restarts"
            );
            node.kill();
        }
    });
}

/// What may happen to a node between two ids.
#[derive(Clone, Debug)]
enum Fate {
    Generate { clock_ms: u64 },
    Restart,
}

fn fates() -> impl Strategy<Value = Vec<(usize, Fate)>> {
    let generate = (0..50_u64).prop_map(|clock_ms| Fate::Generate { clock_ms });
    let fate = prop_oneof![4 => generate, 1 => Just(Fate::Restart)];
    proptest::collection::vec((0..3_usize, fate), 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Clocks within fifty milliseconds of each other make sure that moments are used again and
    /// again, by several nodes and by several lives of one.
    #[test]
    fn no_history_of_clocks_and_restarts_yields_an_id_twice(fates in fates(), seed in 0..1000_u64) {
        in_virtual_time(async || {
            let mut lives = Vec::new();
            for node in ["n0", "n1", "n2"] {
                lives.push(Life::begin(node, seed).await);
            }
            let mut seeds = seed + 1..;
            let mut ids = BTreeSet::new();
            for (node, fate) in fates {
                match fate {
                    Fate::Generate { clock_ms } => {
                        let id = lives[node].generate(clock_ms).await;
                        assert!(ids.insert(id), "an id was issued twice");
                    }
                    Fate::Restart => {
                        let seed = seeds.next().expect("seeds are endless");
                        let name = lives[node].node.clone();
                        std::mem::replace(&mut lives[node], Life::begin(&name, seed).await).kill();
                    }
                }
            }
        });
    }
}
