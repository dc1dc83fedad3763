//! A node begins with `init`: once, wholly, or not at all.

use std::cell::RefCell;
use std::rc::Rc;

use glomers::prelude::*;
use serde_json::json;

use crate::rig::{Puppet, Rig, in_virtual_time, init};

#[test]
fn a_node_knows_itself_and_its_peers_when_it_is_made() {
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
                Puppet
            }
        });
        assert_eq!(rig.said().await, [""; 0]);
        assert_eq!(*seen.borrow(), "", "nothing is made before init");
        rig.tell("c0", init());
        assert_eq!(
            rig.said().await,
            [r#"c0 {"type":"init_ok","in_reply_to":1}"#]
        );
        assert_eq!(*seen.borrow(), r#"n1 ["n1", "n2", "n3"] ["n2", "n3"] n1"#);
    });
}

#[test]
fn a_message_right_behind_init_sees_a_whole_node() {
    in_virtual_time(async || {
        let mut rig = Rig::new(|_| Puppet);
        rig.tell("c0", init());
        rig.tell("c1", json!({"type": "echo", "echo": "x", "msg_id": 2}));
        assert_eq!(
            rig.said().await,
            [
                r#"c0 {"type":"init_ok","in_reply_to":1}"#,
                r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":2}"#,
            ]
        );
    });
}

#[test]
fn a_second_init_is_refused_and_changes_nothing() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        let other = json!({"type": "init", "msg_id": 9, "node_id": "n7", "node_ids": ["n7"]});
        rig.tell("c0", other);
        rig.tell("c1", json!({"type": "echo", "echo": "x", "msg_id": 2}));
        let text = "this node has its init already";
        assert_eq!(
            rig.said().await,
            [
                &format!(r#"c0 {{"type":"error","code":22,"text":"{text}","in_reply_to":9}}"#),
                r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":2}"#,
            ]
        );
    });
}

#[test]
fn a_malformed_init_is_refused_and_a_proper_one_still_accepted() {
    in_virtual_time(async || {
        let mut rig = Rig::new(|_| Puppet);
        rig.tell("c0", json!({"type": "init", "msg_id": 1, "node_id": "n1"}));
        let text = "not a proper init: missing field `node_ids`";
        let said = rig.said().await;
        let start = format!(r#"c0 {{"type":"error","code":12,"text":"{text}"#);
        assert!(said[0].starts_with(&start), "{said:?}");
        rig.tell("c0", init());
        assert_eq!(
            rig.said().await,
            [r#"c0 {"type":"init_ok","in_reply_to":1}"#]
        );
    });
}

#[test]
fn a_node_that_cannot_start_says_why_and_goes_on_saying_it() {
    fn fails(cx: &Context) -> anyhow::Result<Puppet> {
        let escaped = cx.clone();
        cx.spawn(async move { escaped.send("n2", &json!({"type": "from a node that never was"})) });
        anyhow::bail!("the disk of {} is full", cx.id())
    }
    fn panics(_: &Context) -> Puppet {
        panic!("no disk at all")
    }
    async fn refusals(mut rig: Rig, text: &str) {
        rig.tell("c0", init());
        let error = format!(r#"c0 {{"type":"error","code":13,"text":"{text}","in_reply_to":1}}"#);
        assert_eq!(rig.said().await, [error.as_str()]);
        rig.tell("c0", init());
        assert_eq!(rig.said().await, [error]);
        rig.tell("c1", json!({"type": "echo", "echo": "x", "msg_id": 2}));
        let said = rig.said().await;
        assert!(
            said[0].starts_with(r#"c1 {"type":"error","code":11"#),
            "{said:?}"
        );
        assert!(said[0].contains(text), "{said:?}");
    }
    in_virtual_time(async || {
        refusals(Rig::new(fails), "the disk of n1 is full").await;
        refusals(Rig::new(panics), "making the node panicked: no disk at all").await;
    });
}

/// A node that takes every type of message does not take `init`.
#[test]
fn a_second_init_is_refused_by_a_node_that_knows_every_type_too() {
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
        rig.tell("c1", json!({"type": "anything", "msg_id": 2}));
        rig.tell("c0", init());
        let said = rig.said().await;
        assert_eq!(said[0], r#"c1 {"type":"soaked","in_reply_to":2}"#);
        assert!(
            said[1].starts_with(r#"c0 {"type":"error","code":22"#),
            "{said:?}"
        );
    });
}

#[test]
fn before_init_every_request_is_put_off_and_none_is_handled() {
    in_virtual_time(async || {
        let mut rig = Rig::new(|_| Puppet);
        rig.tell("c1", json!({"type": "echo", "echo": 1, "msg_id": 5}));
        rig.tell("c1", json!({"type": "panic", "after_ms": 0}));
        rig.tell(
            "c1",
            json!({"type": "echo_ok", "echo": 1, "in_reply_to": 5}),
        );
        let text = "this node waits for its init";
        let error = format!(r#"c1 {{"type":"error","code":11,"text":"{text}","in_reply_to":5}}"#);
        assert_eq!(rig.said().await, [error]);
        rig.tell("c0", init());
        assert_eq!(
            rig.said().await,
            [r#"c0 {"type":"init_ok","in_reply_to":1}"#]
        );
    });
}
