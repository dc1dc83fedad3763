//! Replies: exactly one for each request with a `msg_id`.

use glomers::prelude::*;
use serde_json::json;

use crate::rig::{Rig, ScriptedNode, in_virtual_time, ms};

#[test]
fn replies_keep_the_order_of_requests() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        for id in 0..500 {
            rig.send("c1", json!({"type": "echo", "echo": id, "msg_id": id}));
        }
        let expected: Vec<String> = (0..500)
            .map(|id| format!(r#"c1 {{"type":"echo_ok","echo":{id},"in_reply_to":{id}}}"#))
            .collect();
        assert_eq!(rig.output().await, expected);
    });
}

#[test]
fn waiting_handler_does_not_delay_others() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.send("c1", json!({"type": "nap", "ms": 500, "msg_id": 1}));
        rig.send("c2", json!({"type": "nap", "ms": 200, "msg_id": 2}));
        rig.send("c3", json!({"type": "echo", "echo": "x", "msg_id": 3}));
        assert_eq!(
            rig.output().await,
            [r#"c3 {"type":"echo_ok","echo":"x","in_reply_to":3}"#]
        );
        assert_eq!(
            rig.output_after(ms(500)).await,
            [
                r#"c2 {"type":"nap_ok","ms":200,"in_reply_to":2}"#,
                r#"c1 {"type":"nap_ok","ms":500,"in_reply_to":1}"#,
            ]
        );
    });
}

#[test]
fn message_without_msg_id_gets_no_reply() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.take_log();
        rig.send("n2", json!({"type": "echo", "echo": "x"}));
        rig.send("n2", json!({"type": "whisper"}));
        assert_eq!(rig.output().await, [""; 0]);
        assert_eq!(rig.take_log(), [""; 0]);
        rig.send("n2", json!({"type": "fail", "code": 14}));
        rig.send("n2", json!({"type": "panic", "after_ms": 0}));
        rig.send("n2", json!({"type": "nonsense"}));
        assert_eq!(rig.output().await, [""; 0]);
        assert_eq!(
            rig.take_log(),
            [
                "a message from n2 failed: requested failure (error 14)",
                "a message from n2 failed: the handler panicked: requested panic (error 13)",
                "a message from n2 failed: unknown request type: nonsense (error 10)",
            ]
        );
    });
}

#[test]
fn handler_without_reply_sends_nothing() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.send("n2", json!({"type": "whisper", "msg_id": 7}));
        assert_eq!(rig.output().await, [""; 0]);
    });
}

#[test]
fn error_reply_keeps_known_and_unknown_codes() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        for code in [0, 1, 10, 11, 12, 13, 14, 20, 21, 22, 30, 1000, -1] {
            rig.send("c1", json!({"type": "fail", "code": code, "msg_id": 5}));
            let body = format!(
                r#"{{"type":"error","code":{code},"text":"requested failure","in_reply_to":5}}"#
            );
            assert_eq!(rig.output().await, [format!("c1 {body}")]);
        }
    });
}

#[test]
fn panicking_handler_replies_with_crash_and_node_continues() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        let text = "the handler panicked: requested panic";
        let crash = format!(r#"c1 {{"type":"error","code":13,"text":"{text}","in_reply_to":5}}"#);
        for after_ms in [0, 10] {
            rig.send(
                "c1",
                json!({"type": "panic", "after_ms": after_ms, "msg_id": 5}),
            );
            assert_eq!(rig.output_after(ms(20)).await, [crash.as_str()]);
            rig.send("c1", json!({"type": "echo", "echo": "x", "msg_id": 6}));
            let reply = r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":6}"#;
            assert_eq!(rig.output().await, [reply]);
        }
    });
}

/// JSON does not allow pairs as keys.
#[test]
fn unserializable_reply_becomes_a_crash_without_partial_output() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.send("c1", json!({"type": "broken", "msg_id": 5}));
        rig.send("c1", json!({"type": "echo", "echo": "x", "msg_id": 6}));
        let output = rig.output().await;
        assert!(
            output[0].starts_with(r#"c1 {"type":"error","code":13"#),
            "{output:?}"
        );
        assert!(output[0].ends_with(r#""in_reply_to":5}"#), "{output:?}");
        assert_eq!(
            output[1..],
            [r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":6}"#]
        );
    });
}

#[test]
fn panic_in_serde_code_does_not_stop_the_node() {
    struct Fuse;
    #[derive(Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Request {
        Pass { load: Load },
    }
    #[derive(Clone, Copy, PartialEq, Deserialize, Serialize)]
    #[serde(try_from = "u8", into = "u8")]
    struct Load(u8);
    impl From<u8> for Load {
        fn from(load: u8) -> Self {
            assert_ne!(load, 1, "blown while reading");
            Self(load)
        }
    }
    impl From<Load> for u8 {
        fn from(load: Load) -> Self {
            assert_ne!(load.0, 2, "blown while writing");
            load.0
        }
    }
    #[derive(Serialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Reply {
        PassOk { load: Load },
    }
    impl Node for Fuse {
        type Request = Request;
        type Reply = Reply;
        async fn handle(&self, Request::Pass { load }: Request, _: &Context) -> Result<Reply> {
            Ok(Reply::PassOk { load })
        }
    }
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Fuse).await;
        rig.take_log();
        for load in [1, 2, 3] {
            rig.send("c1", json!({"type": "pass", "load": load, "msg_id": load}));
        }
        let output = rig.output().await;
        assert_eq!(output.len(), 2, "{output:?}");
        assert!(output[0].contains(r#""code":13"#) && output[0].contains("blown while writing"));
        assert!(output[0].ends_with(r#""in_reply_to":2}"#), "{output:?}");
        assert_eq!(
            output[1],
            r#"c1 {"type":"pass_ok","load":3,"in_reply_to":3}"#
        );
        let take_log = rig.take_log();
        assert!(
            take_log.len() == 1 && take_log[0].contains("blown while reading"),
            "{take_log:?}"
        );
    });
}
