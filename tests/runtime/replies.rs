//! Every request that asks for a reply gets one, and exactly one.

use glomers::prelude::*;
use serde_json::json;

use crate::rig::{Puppet, Rig, in_virtual_time, ms};

#[test]
fn replies_keep_the_order_of_their_requests() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        for id in 0..500 {
            rig.tell("c1", json!({"type": "echo", "echo": id, "msg_id": id}));
        }
        let expected: Vec<String> = (0..500)
            .map(|id| format!(r#"c1 {{"type":"echo_ok","echo":{id},"in_reply_to":{id}}}"#))
            .collect();
        assert_eq!(rig.said().await, expected);
    });
}

#[test]
fn a_handler_that_waits_delays_nobody() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.tell("c1", json!({"type": "nap", "ms": 500, "msg_id": 1}));
        rig.tell("c2", json!({"type": "nap", "ms": 200, "msg_id": 2}));
        rig.tell("c3", json!({"type": "echo", "echo": "x", "msg_id": 3}));
        assert_eq!(
            rig.said().await,
            [r#"c3 {"type":"echo_ok","echo":"x","in_reply_to":3}"#]
        );
        assert_eq!(
            rig.said_after(ms(500)).await,
            [
                r#"c2 {"type":"nap_ok","ms":200,"in_reply_to":2}"#,
                r#"c1 {"type":"nap_ok","ms":500,"in_reply_to":1}"#,
            ]
        );
    });
}

#[test]
fn a_message_without_msg_id_gets_no_reply_of_any_kind() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.logged();
        rig.tell("n2", json!({"type": "echo", "echo": "x"}));
        rig.tell("n2", json!({"type": "whisper"}));
        assert_eq!(rig.said().await, [""; 0]);
        assert_eq!(rig.logged(), [""; 0]);
        rig.tell("n2", json!({"type": "fail", "code": 14}));
        rig.tell("n2", json!({"type": "panic", "after_ms": 0}));
        rig.tell("n2", json!({"type": "nonsense"}));
        assert_eq!(rig.said().await, [""; 0]);
        assert_eq!(
            rig.logged(),
            [
                "a message from n2 failed: told to fail (error 14)",
                "a message from n2 failed: the handler panicked: told to panic (error 13)",
                "a message from n2 failed: no such request: nonsense (error 10)",
            ]
        );
    });
}

#[test]
fn a_handler_may_answer_nothing() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.tell("n2", json!({"type": "whisper", "msg_id": 7}));
        assert_eq!(rig.said().await, [""; 0]);
    });
}

#[test]
fn an_error_is_sent_with_its_code_known_or_not() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        for code in [0, 1, 10, 11, 12, 13, 14, 20, 21, 22, 30, 1000, -1] {
            rig.tell("c1", json!({"type": "fail", "code": code, "msg_id": 5}));
            let body = format!(
                r#"{{"type":"error","code":{code},"text":"told to fail","in_reply_to":5}}"#
            );
            assert_eq!(rig.said().await, [format!("c1 {body}")]);
        }
    });
}

#[test]
fn a_handler_that_panics_answers_with_a_crash_and_the_node_lives_on() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        let text = "the handler panicked: told to panic";
        let crash = format!(r#"c1 {{"type":"error","code":13,"text":"{text}","in_reply_to":5}}"#);
        for after_ms in [0, 10] {
            rig.tell(
                "c1",
                json!({"type": "panic", "after_ms": after_ms, "msg_id": 5}),
            );
            assert_eq!(rig.said_after(ms(20)).await, [crash.as_str()]);
            rig.tell("c1", json!({"type": "echo", "echo": "x", "msg_id": 6}));
            let reply = r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":6}"#;
            assert_eq!(rig.said().await, [reply]);
        }
    });
}

/// JSON has no maps with pairs for keys.
#[test]
fn a_reply_that_cannot_be_written_becomes_a_crash_and_leaves_no_half_line() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.tell("c1", json!({"type": "broken", "msg_id": 5}));
        rig.tell("c1", json!({"type": "echo", "echo": "x", "msg_id": 6}));
        let said = rig.said().await;
        assert!(
            said[0].starts_with(r#"c1 {"type":"error","code":13"#),
            "{said:?}"
        );
        assert!(said[0].ends_with(r#""in_reply_to":5}"#), "{said:?}");
        assert_eq!(
            said[1..],
            [r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":6}"#]
        );
    });
}

#[test]
fn a_panic_while_reading_or_writing_a_message_does_not_kill_the_node() {
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
        rig.logged();
        for load in [1, 2, 3] {
            rig.tell("c1", json!({"type": "pass", "load": load, "msg_id": load}));
        }
        let said = rig.said().await;
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains(r#""code":13"#) && said[0].contains("blown while writing"));
        assert!(said[0].ends_with(r#""in_reply_to":2}"#), "{said:?}");
        assert_eq!(said[1], r#"c1 {"type":"pass_ok","load":3,"in_reply_to":3}"#);
        let logged = rig.logged();
        assert!(
            logged.len() == 1 && logged[0].contains("blown while reading"),
            "{logged:?}"
        );
    });
}
