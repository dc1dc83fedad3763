//! What a node does by itself, what it does under load, and how it ends.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use glomers::prelude::*;
use serde_json::json;
use tokio::time::sleep;

use crate::rig::{Puppet, Rig, in_virtual_time, init, ms};

/// Ticks in the background, and counts the ticks for the test to see.
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
fn the_background_runs_from_init_on_and_speaks_by_itself() {
    in_virtual_time(async || {
        let ticks = Rc::new(Cell::new(0));
        let node = Ticker {
            ticks: Rc::clone(&ticks),
        };
        let mut rig = Rig::started(move |_| node).await;
        assert_eq!(rig.said_after(ms(310)).await, [r#"n2 {"type":"tick"}"#; 3]);
        assert_eq!(ticks.get(), 3);
    });
}

#[test]
fn a_task_that_panics_is_logged_and_what_it_said_before_is_sent() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.logged();
        rig.tell("c1", json!({"type": "stray", "msg_id": 2}));
        assert_eq!(rig.said().await, [r#"c1 {"type":"stray"}"#]);
        assert_eq!(rig.logged(), ["a task of n1 panicked: gone astray"]);
    });
}

#[test]
fn at_the_end_of_input_accepted_requests_are_finished() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.tell("c1", json!({"type": "nap", "ms": 700, "msg_id": 1}));
        rig.tell("c2", json!({"type": "echo", "echo": "x", "msg_id": 2}));
        rig.close_input();
        assert_eq!(
            rig.said().await,
            [r#"c2 {"type":"echo_ok","echo":"x","in_reply_to":2}"#]
        );
        assert!(!rig.is_over());
        let nap = r#"c1 {"type":"nap_ok","ms":700,"in_reply_to":1}"#;
        assert_eq!(rig.said_after(ms(700)).await, [nap]);
        assert!(rig.is_over());
        rig.outcome().await.expect("that was a proper end");
    });
}

#[test]
fn after_the_end_of_input_a_handler_that_never_finishes_is_given_up() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.tell("c1", json!({"type": "nap", "ms": 1_000_000, "msg_id": 1}));
        rig.said().await;
        rig.logged();
        rig.close_input();
        assert_eq!(rig.said_after(ms(6_000)).await, [""; 0]);
        assert!(rig.is_over());
        assert_eq!(rig.logged(), ["1 requests are given up"]);
    });
}

#[test]
fn a_closed_output_ends_the_node_quietly() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.logged();
        rig.close_output();
        rig.tell("c1", json!({"type": "echo", "echo": "x", "msg_id": 2}));
        sleep(ms(1)).await;
        assert!(rig.is_over());
        assert_eq!(rig.logged(), [""; 0]);
        rig.outcome()
            .await
            .expect("nobody listens, and that is no error");
    });
}

#[test]
fn killing_a_node_ends_all_it_has_begun() {
    in_virtual_time(async || {
        let ticks = Rc::new(Cell::new(0));
        let node = Ticker {
            ticks: Rc::clone(&ticks),
        };
        let mut rig = Rig::started(move |_| node).await;
        rig.tell("c1", json!({"type": "spawn_ticker", "msg_id": 1}));
        rig.tell("c1", json!({"type": "wait", "ms": 500, "msg_id": 1}));
        rig.said_after(ms(250)).await;
        assert_eq!(ticks.get(), 4, "two tickers have ticked twice");
        rig.kill();
        assert_eq!(rig.said_after(ms(10_000)).await, [""; 0]);
        assert_eq!(
            ticks.get(),
            4,
            "neither the tickers nor the handler went on"
        );
        assert_eq!(Rc::strong_count(&ticks), 1, "nothing is left of the node");
    });
}

#[test]
fn a_context_that_outlives_its_node_can_do_no_harm() {
    in_virtual_time(async || {
        let escaped = Rc::new(RefCell::new(None));
        let mut rig = Rig::new({
            let escaped = Rc::clone(&escaped);
            move |cx| {
                *escaped.borrow_mut() = Some(cx.clone());
                Puppet
            }
        });
        rig.tell("c0", init());
        rig.said().await;
        rig.kill();
        rig.said().await;
        let cx = escaped.take().expect("the node was made");
        cx.send("n2", &json!({"type": "late"}));
        cx.spawn(async { panic!("the task of a node that is gone") });
        let error = cx
            .call::<Value>("n2", &json!({"type": "question"}))
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::Timeout);
        assert_eq!(rig.said().await, [""; 0]);
    });
}

#[test]
fn growth_without_bound_is_warned_of_at_powers_of_two() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.logged();
        let times = 5000;
        for id in 0..times {
            rig.tell("c1", json!({"type": "nap", "ms": 100, "msg_id": id}));
        }
        rig.tell(
            "c1",
            json!({"type": "ask", "dest": "n2", "times": times, "msg_id": 1}),
        );
        rig.said().await;
        let logged = rig.logged();
        for warning in [
            "warning: 2048 requests in progress",
            "warning: 4096 requests in progress",
            "warning: 2048 calls without a reply",
            "warning: 4096 calls without a reply",
        ] {
            assert_eq!(
                logged.iter().filter(|line| *line == warning).count(),
                1,
                "{logged:?}"
            );
        }
        let unread = |line: &&String| line.ends_with("batches of input not yet read");
        assert_eq!(logged.iter().filter(unread).count(), 1, "{logged:?}");
        assert_eq!(logged.len(), 5, "{logged:?}");
    });
}

#[test]
fn a_flood_of_input_does_not_hold_up_timers() {
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
        // The alarm is due now, and so is all the work.
        tokio::time::advance(ms(150)).await;
        rig.said().await;
        assert!(
            (1..20_000).contains(&handled_at_alarm.get()),
            "{handled_at_alarm:?}"
        );
    });
}

#[test]
fn randomness_is_the_same_for_the_same_seed_and_differs_between_nodes() {
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
                Puppet
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
fn the_wall_clock_is_the_one_it_was_given() {
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
            rig.tell("c1", json!({"type": "now", "msg_id": 2}));
            let reply = format!(r#"c1 {{"now":{now},"type":"now_ok","in_reply_to":2}}"#);
            assert_eq!(rig.said().await, [reply]);
        }
    });
}
