//! Calls: each ends with a reply, an error, a timeout or a cancellation, and leaks nothing.

use glomers::prelude::*;
use serde_json::json;

use crate::rig::{Rig, ScriptedNode, in_virtual_time, ms};

const QUESTION: &str = r#"n2 {"type":"question","msg_id":1}"#;

fn ask(times: u64) -> Value {
    json!({"type": "ask", "dest": "n2", "times": times, "msg_id": 5})
}

#[test]
fn reply_completes_its_call() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.send("c1", ask(1));
        assert_eq!(rig.output().await, [QUESTION]);
        rig.send(
            "n2",
            json!({"type": "answer", "answer": 42, "in_reply_to": 1}),
        );
        let body = r#"{"answer":42,"in_reply_to":1,"type":"answer"}"#;
        let reply = format!(
            r#"c1 {{"type":"ask_ok","answers":[{body}],"open":0,"late":0,"in_reply_to":5}}"#
        );
        assert_eq!(rig.output().await, [reply]);
    });
}

#[test]
fn calls_not_yet_awaited_run_concurrently() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.send("c1", ask(3));
        assert_eq!(rig.output().await.len(), 3);
        for id in [3, 1, 2] {
            rig.send("n2", json!({"type": "answer", "in_reply_to": id}));
        }
        let output = rig.output().await;
        let order = ["1", "2", "3"].map(|id| output[0].find(&format!(r#""in_reply_to":{id},"#)));
        assert!(
            order.is_sorted() && order.iter().all(Option::is_some),
            "{output:?}"
        );
    });
}

/// The reply type is `Value`, which accepts every reply.
#[test]
fn error_reply_is_an_error_for_any_reply_type() {
    let table = [
        (json!({"code": 22, "text": "no"}), "no (error 22)"),
        (json!({"code": 22}), " (error 22)"),
        (json!({"code": 1001, "text": "odd"}), "odd (error 1001)"),
        (
            json!({"text": "codeless"}),
            "an error reply without a valid code: ",
        ),
        (
            json!({"code": "22", "text": "no"}),
            "an error reply without a valid code: ",
        ),
    ];
    in_virtual_time(async || {
        for (mut error, text) in table {
            let mut rig = Rig::started(|_| ScriptedNode).await;
            rig.send("c1", ask(1));
            assert_eq!(rig.output().await, [QUESTION]);
            error["type"] = json!("error");
            error["in_reply_to"] = json!(1);
            rig.send("n2", error);
            let output = rig.output().await;
            let start = format!(r#"c1 {{"type":"ask_ok","answers":["{text}"#);
            assert!(output[0].starts_with(&start), "{output:?}");
        }
    });
}

#[test]
fn call_without_reply_times_out_and_is_removed() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.send("c1", ask(2));
        assert_eq!(rig.output().await.len(), 2);
        assert_eq!(rig.output_after(ms(990)).await, [""; 0]);
        let text = r#""no reply from n2 within 1s (error 0)""#;
        let start = format!(r#"c1 {{"type":"ask_ok","answers":[{text},{text}],"open":0"#);
        let output = rig.output_after(ms(10)).await;
        assert!(output[0].starts_with(&start), "{output:?}");
    });
}

/// Call ids start at a seed, so a late reply to a previous incarnation matches no new call.
#[test]
fn restarted_node_ignores_replies_to_its_previous_incarnation() {
    in_virtual_time(async || {
        let mut ids = Vec::new();
        for seed in [1, 1 << 20, u64::MAX] {
            let mut rig = Rig::with_seed(seed, |_| ScriptedNode);
            rig.send("c0", crate::rig::init());
            rig.output().await;
            rig.send("c1", ask(1));
            let output = rig.output().await;
            let id = output[0]
                .rsplit_once(r#""msg_id":"#)
                .unwrap()
                .1
                .trim_end_matches('}');
            let id: u64 = id.parse().unwrap();
            assert!(id <= 1 << 48, "{id}");
            ids.push(id);
            for former in ids.iter().filter(|former| **former != id) {
                rig.send("n2", json!({"type": "answer", "in_reply_to": former}));
            }
            assert_eq!(rig.output().await, [""; 0]);
            rig.send("n2", json!({"type": "answer", "in_reply_to": id}));
            assert_eq!(rig.output().await.len(), 1);
        }
    });
}

/// In some other runtimes a late reply blocks the loop or finds a leaked callback.
#[test]
fn late_reply_is_only_counted() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.send("c1", ask(1));
        rig.output_after(ms(1000)).await;
        rig.take_log();
        rig.send("n2", json!({"type": "answer", "in_reply_to": 1}));
        rig.send("n2", json!({"type": "answer", "in_reply_to": 1}));
        assert_eq!(rig.output().await, [""; 0]);
        assert_eq!(rig.take_log(), [""; 0]);
        rig.send("c1", ask(0));
        let reply = r#"c1 {"type":"ask_ok","answers":[],"open":0,"late":2,"in_reply_to":5}"#;
        assert_eq!(rig.output().await, [reply]);
    });
}

#[test]
fn reply_without_a_pending_call_is_dropped() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.take_log();
        for in_reply_to in [
            json!(77),
            json!("1"),
            json!(1.0),
            json!(-1),
            json!([1]),
            json!({}),
        ] {
            rig.send("n2", json!({"type": "answer", "in_reply_to": in_reply_to}));
            // A message with `in_reply_to` is a reply, even if it also looks like a request.
            rig.send(
                "n2",
                json!({"type": "echo", "echo": 1, "msg_id": 3, "in_reply_to": 78}),
            );
        }
        assert_eq!(rig.output().await, [""; 0]);
        assert_eq!(rig.take_log(), [""; 0]);
        rig.send("c1", ask(0));
        let reply = r#"c1 {"type":"ask_ok","answers":[],"open":0,"late":12,"in_reply_to":5}"#;
        assert_eq!(rig.output().await, [reply]);
    });
}

#[test]
fn second_reply_to_a_call_counts_as_late() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.send("c1", ask(1));
        rig.output().await;
        let answer = |n: u8| {
            json!({"src": "n2", "dest": "n1", "body": {"type": "answer", "n": n, "in_reply_to": 1}})
                .to_string()
        };
        rig.line(format!("{}\n{}\n", answer(1), answer(2)));
        let output = rig.output().await;
        assert!(
            output[0].contains(r#""n":1"#) && output[0].contains(r#""late":1"#),
            "{output:?}"
        );
    });
}

#[test]
fn dropped_call_is_removed() {
    struct Fickle;
    #[derive(Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Request {
        Ask,
        Count,
    }
    impl Node for Fickle {
        type Request = Request;
        type Reply = Value;
        async fn handle(&self, request: Request, cx: &Context) -> Result<Value> {
            if let Request::Ask = request {
                let call = cx.call::<Value>("n2", &json!({"type": "question"}));
                assert_eq!(
                    cx.calls_waiting(),
                    1,
                    "the call is registered when it is made"
                );
                drop(call);
            }
            Ok(json!({"type": "count", "open": cx.calls_waiting()}))
        }
    }
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Fickle).await;
        rig.send("c1", json!({"type": "ask", "msg_id": 5}));
        let reply = r#"c1 {"open":0,"type":"count","in_reply_to":5}"#;
        assert_eq!(rig.output().await, [QUESTION, reply]);
        rig.send("n2", json!({"type": "answer", "in_reply_to": 1}));
        rig.send("c1", json!({"type": "count", "msg_id": 5}));
        assert_eq!(rig.output().await, [reply]);
    });
}

#[test]
fn reply_of_unexpected_type_is_an_indefinite_error() {
    struct Picky;
    #[derive(Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Request {
        Ask,
    }
    #[derive(Debug, Deserialize)]
    struct Answer {
        #[serde(rename = "answer")]
        _answer: u64,
    }
    impl Node for Picky {
        type Request = Request;
        type Reply = ();
        async fn handle(&self, Request::Ask: Request, cx: &Context) -> Result<()> {
            let answer = cx.call::<Answer>("n2", &json!({"type": "question"})).await;
            let error = answer.expect_err("the reply is not a number");
            assert!(!error.is_definite());
            Err(error)
        }
    }
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Picky).await;
        rig.send("c1", json!({"type": "ask", "msg_id": 5}));
        assert_eq!(rig.output().await, [QUESTION]);
        rig.send(
            "n2",
            json!({"type": "answer", "answer": "x", "in_reply_to": 1}),
        );
        let output = rig.output().await;
        assert!(
            output[0].contains("unexpected reply from n2: invalid type"),
            "{output:?}"
        );
    });
}

#[test]
fn unserializable_request_fails_with_a_definite_error() {
    struct Clumsy;
    #[derive(Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Request {
        Ask,
    }
    impl Node for Clumsy {
        type Request = Request;
        type Reply = Value;
        async fn handle(&self, Request::Ask: Request, cx: &Context) -> Result<Value> {
            cx.send("n2", "not an object");
            let call = cx.call::<Value>("n2", &[1, 2]);
            let error = call.await.expect_err("an array is not a body");
            assert!(error.is_definite());
            Err(error)
        }
    }
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Clumsy).await;
        rig.take_log();
        rig.send("c1", json!({"type": "ask", "msg_id": 5}));
        let text = "the request cannot be serialized: a message body must be an object";
        let error = format!(r#"c1 {{"type":"error","code":12,"text":"{text}","in_reply_to":5}}"#);
        assert_eq!(rig.output().await, [error]);
        let take_log = "a message to n2 cannot be serialized: a message body must be an object";
        assert_eq!(rig.take_log(), [take_log]);
    });
}

fn insist(within_ms: u64) -> Value {
    json!({"type": "insist", "dest": "n2", "within_ms": within_ms, "msg_id": 5})
}

#[test]
fn retry_repeats_timeouts_and_transient_errors_until_success() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.send("c1", insist(60_000));
        assert_eq!(rig.output().await, [QUESTION]);
        rig.send(
            "n2",
            json!({"type": "error", "code": 0, "text": "", "in_reply_to": 1}),
        );
        for (id, code) in [(2, 11), (3, 13), (4, 4321)] {
            let again = format!(r#"n2 {{"type":"question","msg_id":{id}}}"#);
            assert_eq!(rig.output_after(ms(900)).await, [again]);
            let error = json!({"type": "error", "code": code, "text": "", "in_reply_to": id});
            rig.send("n2", error);
        }
        assert_eq!(
            rig.output_after(ms(900)).await,
            [r#"n2 {"type":"question","msg_id":5}"#]
        );
        let after_silence = [r#"n2 {"type":"question","msg_id":6}"#];
        assert_eq!(rig.output_after(ms(1500)).await, after_silence);
        rig.send("n2", json!({"type": "answer", "in_reply_to": 6}));
        let output = rig.output().await;
        assert!(
            output[0].starts_with(r#"c1 {"type":"ask_ok""#),
            "{output:?}"
        );
    });
}

#[test]
fn retry_stops_at_a_permanent_error() {
    in_virtual_time(async || {
        for code in [1, 10, 12, 14, 20, 21, 22, 30] {
            let mut rig = Rig::started(|_| ScriptedNode).await;
            rig.send("c1", insist(60_000));
            assert_eq!(rig.output().await, [QUESTION]);
            rig.send(
                "n2",
                json!({"type": "error", "code": code, "text": "no", "in_reply_to": 1}),
            );
            let error =
                format!(r#"c1 {{"type":"error","code":{code},"text":"no","in_reply_to":5}}"#);
            assert_eq!(rig.output_after(ms(60_000)).await, [error]);
        }
    });
}

#[test]
fn retry_returns_the_last_error_at_its_time_limit() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.send("c1", insist(5_000));
        let output = rig.output_after(ms(4_990)).await;
        assert!(
            output.len() >= 3 && output.iter().all(|line| line.starts_with("n2 ")),
            "{output:?}"
        );
        let text = "no reply from n2 within 1s";
        let error = format!(r#"c1 {{"type":"error","code":0,"text":"{text}","in_reply_to":5}}"#);
        assert_eq!(rig.output_after(ms(10)).await, [error]);
        rig.send("c1", ask(0));
        let output = rig.output_after(ms(60_000)).await;
        assert!(
            output.len() == 1 && output[0].contains(r#""open":0"#),
            "{output:?}"
        );
    });
}
