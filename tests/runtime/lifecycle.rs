//! Background tasks, behaviour under load, and the ways in which a node stops.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use glomers::prelude::*;
use serde_json::json;
use tokio::time::sleep;

use crate::rig::{Rig, ScriptedNode, in_virtual_time, init, ms};

/// A node that sends a message every 100 ms and counts them.
struct Ticker {
    ticks: Rc<Cell<u32>>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    SpawnTicker,
    Wait { ms: u64 },
}

async fn tick(ticks: &Cell<u32>, cx: &Context) {
    loop {
        sleep(ms(100)).await;
        ticks.set(ticks.get() + 1);
        cx.send("n2", &json!({"type": "tick"}));
    }
}

impl Node for Ticker {
    type Request = Request;
    type Reply = Value;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Value> {
        match request {
            Request::SpawnTicker => {
                let (ticks, ticker) = (Rc::clone(&self.ticks), cx.clone());
                cx.spawn(async move { tick(&ticks, &ticker).await });
            }
            Request::Wait { ms: time } => {
                sleep(ms(time)).await;
                self.ticks.set(1000);
            }
        }
        Ok(json!({"type": "done"}))
    }

    async fn background(&self, cx: &Context) {
        tick(&self.ticks, cx).await;
    }
}

#[test]
fn background_runs_from_init_on_and_sends_messages() {
    in_virtual_time(async || {
        let ticks = Rc::new(Cell::new(0));
        let node = Ticker {
            ticks: Rc::clone(&ticks),
        };
        let mut rig = Rig::started(move |_| node).await;
        assert_eq!(
            rig.output_after(ms(310)).await,
            [r#"n2 {"type":"tick"}"#; 3]
        );
        assert_eq!(ticks.get(), 3);
    });
}

#[test]
fn panicking_task_is_logged_and_keeps_its_messages() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.take_log();
        rig.send("c1", json!({"type": "stray", "msg_id": 2}));
        assert_eq!(rig.output().await, [r#"c1 {"type":"stray"}"#]);
        assert_eq!(rig.take_log(), ["a task of n1 panicked: requested panic"]);
    });
}

#[test]
fn accepted_requests_finish_after_end_of_input() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.send("c1", json!({"type": "nap", "ms": 700, "msg_id": 1}));
        rig.send("c2", json!({"type": "echo", "echo": "x", "msg_id": 2}));
        rig.close_input();
        assert_eq!(
            rig.output().await,
            [r#"c2 {"type":"echo_ok","echo":"x","in_reply_to":2}"#]
        );
        assert!(!rig.is_stopped());
        let nap = r#"c1 {"type":"nap_ok","ms":700,"in_reply_to":1}"#;
        assert_eq!(rig.output_after(ms(700)).await, [nap]);
        assert!(rig.is_stopped());
        rig.outcome()
            .await
            .expect("the node must stop without an error");
    });
}

#[test]
fn unfinished_handler_is_abandoned_after_shutdown_timeout() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.send("c1", json!({"type": "nap", "ms": 1_000_000, "msg_id": 1}));
        rig.output().await;
        rig.take_log();
        rig.close_input();
        assert_eq!(rig.output_after(ms(6_000)).await, [""; 0]);
        assert!(rig.is_stopped());
        assert_eq!(rig.take_log(), ["abandoned 1 unfinished requests"]);
    });
}

#[test]
fn closed_output_stops_the_node_without_error() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.take_log();
        rig.close_output();
        rig.send("c1", json!({"type": "echo", "echo": "x", "msg_id": 2}));
        sleep(ms(1)).await;
        assert!(rig.is_stopped());
        assert_eq!(rig.take_log(), [""; 0]);
        rig.outcome()
            .await
            .expect("a closed output is not an error");
    });
}

#[test]
fn failed_node_drops_later_messages_and_returns_the_first_error() {
    struct Fragile;
    #[derive(Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Request {
        Sync,
    }
    impl Node for Fragile {
        type Request = Request;
        type Reply = Value;
        async fn handle(&self, Request::Sync: Request, cx: &Context) -> Result<Value> {
            cx.send("n2", &json!({"type": "before"}));
            cx.fail(Error::crash("the disk failed"));
            cx.fail(Error::crash("a consequence"));
            cx.send("n2", &json!({"type": "after"}));
            Ok(json!({"type": "sync_ok"}))
        }
    }
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Fragile).await;
        rig.send("c1", json!({"type": "sync", "msg_id": 2}));
        assert_eq!(rig.output().await, [r#"n2 {"type":"before"}"#]);
        assert!(rig.is_stopped());
        let error = rig.outcome().await.unwrap_err();
        assert_eq!(error.to_string(), "the disk failed (error 13)");
    });
}

#[test]
fn killed_node_cancels_all_its_tasks() {
    in_virtual_time(async || {
        let ticks = Rc::new(Cell::new(0));
        let node = Ticker {
            ticks: Rc::clone(&ticks),
        };
        let mut rig = Rig::started(move |_| node).await;
        rig.send("c1", json!({"type": "spawn_ticker", "msg_id": 1}));
        rig.send("c1", json!({"type": "wait", "ms": 500, "msg_id": 1}));
        rig.output_after(ms(250)).await;
        assert_eq!(ticks.get(), 4, "two tickers have ticked twice");
        rig.kill();
        assert_eq!(rig.output_after(ms(10_000)).await, [""; 0]);
        assert_eq!(ticks.get(), 4, "tickers and handlers must stop");
        assert_eq!(Rc::strong_count(&ticks), 1, "the node must be dropped");
    });
}

#[test]
fn context_of_a_stopped_node_does_nothing() {
    in_virtual_time(async || {
        let escaped = Rc::new(RefCell::new(None));
        let mut rig = Rig::new({
            let escaped = Rc::clone(&escaped);
            move |cx| {
                *escaped.borrow_mut() = Some(cx.clone());
                ScriptedNode
            }
        });
        rig.send("c0", init());
        rig.output().await;
        rig.kill();
        rig.output().await;
        let cx = escaped.take().expect("the node was made");
        cx.send("n2", &json!({"type": "late"}));
        cx.spawn(async { panic!("a task must not run after its node has stopped") });
        let error = cx
            .call::<Value>("n2", &json!({"type": "question"}))
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::Timeout);
        assert_eq!(rig.output().await, [""; 0]);
    });
}

#[test]
fn growing_queues_log_warnings_at_powers_of_two() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.take_log();
        let times = 5000;
        for id in 0..times {
            rig.send("c1", json!({"type": "nap", "ms": 100, "msg_id": id}));
        }
        rig.send(
            "c1",
            json!({"type": "ask", "dest": "n2", "times": times, "msg_id": 1}),
        );
        rig.output().await;
        let take_log = rig.take_log();
        for warning in [
            "warning: 2048 requests in progress",
            "warning: 4096 requests in progress",
            "warning: 2048 calls without a reply",
            "warning: 4096 calls without a reply",
        ] {
            assert_eq!(
                take_log.iter().filter(|line| *line == warning).count(),
                1,
                "{take_log:?}"
            );
        }
        let unread = |line: &&String| line.ends_with("batches of input not yet read");
        assert_eq!(take_log.iter().filter(unread).count(), 1, "{take_log:?}");
        assert_eq!(take_log.len(), 5, "{take_log:?}");
    });
}

#[test]
fn timers_fire_during_a_flood_of_input() {
    struct Busy {
        handled: Cell<u32>,
        handled_at_alarm: Rc<Cell<u32>>,
    }
    #[derive(Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Request {
        Work,
    }
    impl Node for Busy {
        type Request = Request;
        type Reply = ();
        async fn handle(&self, Request::Work: Request, _: &Context) -> Result<()> {
            self.handled.set(self.handled.get() + 1);
            Ok(())
        }
        async fn background(&self, _: &Context) {
            sleep(ms(100)).await;
            self.handled_at_alarm.set(self.handled.get());
        }
    }
    in_virtual_time(async || {
        let handled_at_alarm = Rc::new(Cell::new(0));
        let node = Busy {
            handled: Cell::new(0),
            handled_at_alarm: Rc::clone(&handled_at_alarm),
        };
        let mut rig = Rig::started(move |_| node).await;
        let line = json!({"src": "c1", "dest": "n1", "body": {"type": "work"}});
        let batch = format!("{line}\n").repeat(2000);
        for _ in 0..20 {
            rig.line(batch.clone());
        }
        // Now both the timer and all requests are ready.
        tokio::time::advance(ms(150)).await;
        rig.output().await;
        assert!(
            (1..20_000).contains(&handled_at_alarm.get()),
            "{handled_at_alarm:?}"
        );
    });
}

#[test]
fn random_numbers_depend_on_seed_and_node_id_only() {
    fn drawn(seed: u64, node: &str) -> u64 {
        let drawn = Rc::new(Cell::new(0));
        in_virtual_time(async || {
            let (link, to_node, mut from_node) = glomers::Link::in_memory();
            let seams = glomers::Seams {
                log: Rc::new(|_| {}),
                ..glomers::Seams::simulated(seed)
            };
            let out = Rc::clone(&drawn);
            tokio::task::spawn_local(glomers::serve(link, seams, move |cx: &Context| {
                out.set(cx.rng().random());
                ScriptedNode
            }));
            let body = json!({"type": "init", "msg_id": 1, "node_id": node, "node_ids": [node]});
            let init = json!({"src": "c0", "dest": node, "body": body});
            to_node.send(init.to_string().into_bytes()).unwrap();
            from_node.recv().await.unwrap();
        });
        drawn.get()
    }
    assert_eq!(drawn(1, "n1"), drawn(1, "n1"));
    assert_ne!(drawn(1, "n1"), drawn(2, "n1"));
    assert_ne!(drawn(1, "n1"), drawn(1, "n2"));
}

#[test]
fn wall_clock_is_the_one_of_the_seams() {
    struct Clock;
    #[derive(Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Request {
        Now,
    }
    impl Node for Clock {
        type Request = Request;
        type Reply = Value;
        async fn handle(&self, Request::Now: Request, cx: &Context) -> Result<Value> {
            let now = cx.wall_clock().as_millis();
            Ok(json!({"type": "now_ok", "now": u64::try_from(now).unwrap()}))
        }
    }
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Clock).await;
        for now in [5000, 3000] {
            rig.wall_clock.set(ms(now));
            rig.send("c1", json!({"type": "now", "msg_id": 2}));
            let reply = format!(r#"c1 {{"now":{now},"type":"now_ok","in_reply_to":2}}"#);
            assert_eq!(rig.output().await, [reply]);
        }
    });
}
