//! Initialization: what happens before, during and after `init`.

use std::cell::RefCell;
use std::rc::Rc;

use glomers::prelude::*;
use serde_json::json;

use crate::rig::{Rig, ScriptedNode, in_virtual_time, init};

#[test]
fn node_is_constructed_with_its_id_and_peers() {
    in_virtual_time(async || {
        let seen = Rc::new(RefCell::new(String::new()));
        let mut rig = Rig::new({
            let seen = Rc::clone(&seen);
            move |cx| {
                *seen.borrow_mut() = format!(
                    "{} {:?} {:?} {}",
                    cx.id(),
                    cx.nodes(),
                    cx.peers(),
                    cx.sender()
                );
                ScriptedNode
            }
        });
        assert_eq!(rig.output().await, [""; 0]);
        assert_eq!(*seen.borrow(), "", "the node must not exist before init");
        rig.send("c0", init());
        assert_eq!(
            rig.output().await,
            [r#"c0 {"type":"init_ok","in_reply_to":1}"#]
        );
        assert_eq!(*seen.borrow(), r#"n1 ["n1", "n2", "n3"] ["n2", "n3"] n1"#);
    });
}

#[test]
fn message_right_after_init_is_handled() {
    in_virtual_time(async || {
        let mut rig = Rig::new(|_| ScriptedNode);
        rig.send("c0", init());
        rig.send("c1", json!({"type": "echo", "echo": "x", "msg_id": 2}));
        assert_eq!(
            rig.output().await,
            [
                r#"c0 {"type":"init_ok","in_reply_to":1}"#,
                r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":2}"#,
            ]
        );
    });
}

#[test]
fn second_init_is_refused_without_effect() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        let other = json!({"type": "init", "msg_id": 9, "node_id": "n7", "node_ids": ["n7"]});
        rig.send("c0", other);
        rig.send("c1", json!({"type": "echo", "echo": "x", "msg_id": 2}));
        let text = "the node is already initialized";
        assert_eq!(
            rig.output().await,
            [
                &format!(r#"c0 {{"type":"error","code":22,"text":"{text}","in_reply_to":9}}"#),
                r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":2}"#,
            ]
        );
    });
}

#[test]
fn valid_init_is_accepted_after_a_malformed_one() {
    in_virtual_time(async || {
        let mut rig = Rig::new(|_| ScriptedNode);
        let id = json!({"type": "init", "msg_id": 1, "node_id": "n1"});
        let mut number = id.clone();
        number["node_ids"] = json!(["n1", 3]);
        for (init, text) in [
            (id, "missing field `node_ids`"),
            (number, "node_ids: invalid type: integer `3`"),
        ] {
            rig.send("c0", init);
            let output = rig.output().await;
            let start = format!(r#"c0 {{"type":"error","code":12,"text":"malformed init: {text}"#);
            assert!(output[0].starts_with(&start), "{output:?}");
        }
        rig.send("c0", init());
        assert_eq!(
            rig.output().await,
            [r#"c0 {"type":"init_ok","in_reply_to":1}"#]
        );
    });
}

#[test]
fn failed_start_is_reported_to_every_request() {
    fn fails(cx: &Context) -> anyhow::Result<ScriptedNode> {
        let escaped = cx.clone();
        cx.spawn(async move { escaped.send("n2", &json!({"type": "from a failed node"})) });
        anyhow::bail!("the disk of {} is full", cx.id())
    }
    fn panics(_: &Context) -> ScriptedNode {
        panic!("no disk at all")
    }
    async fn refusals(mut rig: Rig, text: &str) {
        rig.send("c0", init());
        let error = format!(r#"c0 {{"type":"error","code":13,"text":"{text}","in_reply_to":1}}"#);
        assert_eq!(rig.output().await, [error.as_str()]);
        rig.send("c0", init());
        assert_eq!(rig.output().await, [error]);
        rig.send("c1", json!({"type": "echo", "echo": "x", "msg_id": 2}));
        let output = rig.output().await;
        assert!(
            output[0].starts_with(r#"c1 {"type":"error","code":11"#),
            "{output:?}"
        );
        assert!(output[0].contains(text), "{output:?}");
    }
    in_virtual_time(async || {
        refusals(Rig::new(fails), "the disk of n1 is full").await;
        refusals(
            Rig::new(panics),
            "constructing the node panicked: no disk at all",
        )
        .await;
    });
}

/// `init` never reaches the node, even if its request type accepts everything.
#[test]
fn second_init_never_reaches_a_node_that_accepts_every_type() {
    struct Sponge;
    #[derive(Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Request {
        #[serde(other)]
        Anything,
    }
    impl Node for Sponge {
        type Request = Request;
        type Reply = Value;
        async fn handle(&self, Request::Anything: Request, _: &Context) -> Result<Value> {
            Ok(json!({"type": "soaked"}))
        }
    }
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Sponge).await;
        rig.send("c1", json!({"type": "anything", "msg_id": 2}));
        rig.send("c0", init());
        let output = rig.output().await;
        assert_eq!(output[0], r#"c1 {"type":"soaked","in_reply_to":2}"#);
        assert!(
            output[1].starts_with(r#"c0 {"type":"error","code":22"#),
            "{output:?}"
        );
    });
}

#[test]
fn requests_before_init_are_refused_as_temporarily_unavailable() {
    in_virtual_time(async || {
        let mut rig = Rig::new(|_| ScriptedNode);
        rig.send("c1", json!({"type": "echo", "echo": 1, "msg_id": 5}));
        rig.send("c1", json!({"type": "panic", "after_ms": 0}));
        rig.send(
            "c1",
            json!({"type": "echo_ok", "echo": 1, "in_reply_to": 5}),
        );
        let text = "the node waits for init";
        let error = format!(r#"c1 {{"type":"error","code":11,"text":"{text}","in_reply_to":5}}"#);
        assert_eq!(rig.output().await, [error]);
        rig.send("c0", init());
        assert_eq!(
            rig.output().await,
            [r#"c0 {"type":"init_ok","in_reply_to":1}"#]
        );
    });
}
