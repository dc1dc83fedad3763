//! Calls end: by a reply, an error, a timeout or a cancellation, and leave nothing behind.

use glomers::prelude::*;
use serde_json::json;

use crate::rig::{Puppet, Rig, in_virtual_time, ms};

const QUESTION: &str = r#"n2 {"type":"question","msg_id":1}"#;

fn ask(times: u64) -> Value {
    json!({"type": "ask", "dest": "n2", "times": times, "msg_id": 5})
}

#[test]
fn a_reply_reaches_the_call_that_waits_for_it() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.tell("c1", ask(1));
        assert_eq!(rig.said().await, [QUESTION]);
        rig.tell(
            "n2",
            json!({"type": "answer", "answer": 42, "in_reply_to": 1}),
        );
        let body = r#"{"answer":42,"in_reply_to":1,"type":"answer"}"#;
        let reply = format!(
            r#"c1 {{"type":"ask_ok","answers":[{body}],"open":0,"late":0,"in_reply_to":5}}"#
        );
        assert_eq!(rig.said().await, [reply]);
    });
}

#[test]
fn calls_made_before_the_first_is_awaited_run_side_by_side() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.tell("c1", ask(3));
        assert_eq!(rig.said().await.len(), 3);
        for id in [3, 1, 2] {
            rig.tell("n2", json!({"type": "answer", "in_reply_to": id}));
        }
        let said = rig.said().await;
        let order = ["1", "2", "3"].map(|id| said[0].find(&format!(r#""in_reply_to":{id},"#)));
        assert!(
            order.is_sorted() && order.iter().all(Option::is_some),
            "{said:?}"
        );
    });
}

/// The reply type of the question is `Value`, which takes anything.
#[test]
fn an_error_reply_is_an_error_even_for_a_type_that_takes_anything() {
    let table = [
        (json!({"code": 22, "text": "no"}), "no (error 22)"),
        (json!({"code": 22}), " (error 22)"),
        (json!({"code": 1001, "text": "odd"}), "odd (error 1001)"),
        (
            json!({"text": "codeless"}),
            "an error without a proper code: ",
        ),
        (
            json!({"code": "22", "text": "no"}),
            "an error without a proper code: ",
        ),
    ];
    in_virtual_time(async || {
        for (mut error, text) in table {
            let mut rig = Rig::started(|_| Puppet).await;
            rig.tell("c1", ask(1));
            assert_eq!(rig.said().await, [QUESTION]);
            error["type"] = json!("error");
            error["in_reply_to"] = json!(1);
            rig.tell("n2", error);
            let said = rig.said().await;
            let start = format!(r#"c1 {{"type":"ask_ok","answers":["{text}"#);
            assert!(said[0].starts_with(&start), "{said:?}");
        }
    });
}

#[test]
fn a_call_without_reply_times_out_and_nothing_is_left_of_it() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.tell("c1", ask(2));
        assert_eq!(rig.said().await.len(), 2);
        assert_eq!(rig.said_after(ms(990)).await, [""; 0]);
        let text = r#""no reply from n2 within 1s (error 0)""#;
        let start = format!(r#"c1 {{"type":"ask_ok","answers":[{text},{text}],"open":0"#);
        let said = rig.said_after(ms(10)).await;
        assert!(said[0].starts_with(&start), "{said:?}");
    });
}

/// Else an answer to a question that it asked before it was killed would answer another one.
#[test]
fn a_restarted_node_takes_no_reply_that_was_meant_for_its_former_life() {
    in_virtual_time(async || {
        let mut ids = Vec::new();
        for seed in [1, 1 << 20, u64::MAX] {
            let mut rig = Rig::of(seed, |_| Puppet);
            rig.tell("c0", crate::rig::init());
            rig.said().await;
            rig.tell("c1", ask(1));
            let said = rig.said().await;
            let id = said[0]
                .rsplit_once(r#""msg_id":"#)
                .unwrap()
                .1
                .trim_end_matches('}');
            let id: u64 = id.parse().unwrap();
            assert!(id <= 1 << 48, "{id}");
            ids.push(id);
            for former in ids.iter().filter(|former| **former != id) {
                rig.tell("n2", json!({"type": "answer", "in_reply_to": former}));
            }
            assert_eq!(rig.said().await, [""; 0]);
            rig.tell("n2", json!({"type": "answer", "in_reply_to": id}));
            assert_eq!(rig.said().await.len(), 1);
        }
    });
}

/// In other runtimes a reply after the timeout blocks the loop, or finds a leaked callback.
#[test]
fn a_late_reply_is_counted_and_otherwise_nothing_happens() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.tell("c1", ask(1));
        rig.said_after(ms(1000)).await;
        rig.logged();
        rig.tell("n2", json!({"type": "answer", "in_reply_to": 1}));
        rig.tell("n2", json!({"type": "answer", "in_reply_to": 1}));
        assert_eq!(rig.said().await, [""; 0]);
        assert_eq!(rig.logged(), [""; 0]);
        rig.tell("c1", ask(0));
        let reply = r#"c1 {"type":"ask_ok","answers":[],"open":0,"late":2,"in_reply_to":5}"#;
        assert_eq!(rig.said().await, [reply]);
    });
}

#[test]
fn replies_to_nothing_are_dropped_whatever_they_say_they_answer() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.logged();
        for in_reply_to in [
            json!(77),
            json!("1"),
            json!(1.0),
            json!(-1),
            json!([1]),
            json!({}),
        ] {
            rig.tell("n2", json!({"type": "answer", "in_reply_to": in_reply_to}));
            // Even one that looks like a request.
            rig.tell(
                "n2",
                json!({"type": "echo", "echo": 1, "msg_id": 3, "in_reply_to": 78}),
            );
        }
        assert_eq!(rig.said().await, [""; 0]);
        assert_eq!(rig.logged(), [""; 0]);
        rig.tell("c1", ask(0));
        let reply = r#"c1 {"type":"ask_ok","answers":[],"open":0,"late":12,"in_reply_to":5}"#;
        assert_eq!(rig.said().await, [reply]);
    });
}

#[test]
fn the_second_of_two_replies_is_late_even_before_the_first_is_taken() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.tell("c1", ask(1));
        rig.said().await;
        let answer = |n: u8| {
            json!({"src": "n2", "dest": "n1", "body": {"type": "answer", "n": n, "in_reply_to": 1}})
                .to_string()
        };
        rig.line(format!("{}\n{}\n", answer(1), answer(2)));
        let said = rig.said().await;
        assert!(
            said[0].contains(r#""n":1"#) && said[0].contains(r#""late":1"#),
            "{said:?}"
        );
    });
}

#[test]
fn a_call_that_is_dropped_is_forgotten() {
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
                assert_eq!(cx.calls_waiting(), 1, "it is registered at once");
                drop(call);
            }
            Ok(json!({"type": "count", "open": cx.calls_waiting()}))
        }
    }
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Fickle).await;
        rig.tell("c1", json!({"type": "ask", "msg_id": 5}));
        let reply = r#"c1 {"open":0,"type":"count","in_reply_to":5}"#;
        assert_eq!(rig.said().await, [QUESTION, reply]);
        rig.tell("n2", json!({"type": "answer", "in_reply_to": 1}));
        rig.tell("c1", json!({"type": "count", "msg_id": 5}));
        assert_eq!(rig.said().await, [reply]);
    });
}

#[test]
fn a_reply_of_another_form_than_expected_is_an_error_that_is_not_definite() {
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
            let error = answer.expect_err("the answer is no number");
            assert!(!error.is_definite());
            Err(error)
        }
    }
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Picky).await;
        rig.tell("c1", json!({"type": "ask", "msg_id": 5}));
        assert_eq!(rig.said().await, [QUESTION]);
        rig.tell(
            "n2",
            json!({"type": "answer", "answer": "x", "in_reply_to": 1}),
        );
        let said = rig.said().await;
        assert!(
            said[0].contains("the reply of n2 is not understood: invalid type"),
            "{said:?}"
        );
    });
}

#[test]
fn a_request_that_cannot_be_written_fails_at_once_and_certainly() {
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
            let error = call.await.expect_err("an array is no body");
            assert!(error.is_definite());
            Err(error)
        }
    }
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Clumsy).await;
        rig.logged();
        rig.tell("c1", json!({"type": "ask", "msg_id": 5}));
        let text = "the request cannot be written: a message body must be an object";
        let error = format!(r#"c1 {{"type":"error","code":12,"text":"{text}","in_reply_to":5}}"#);
        assert_eq!(rig.said().await, [error]);
        let logged = "a message to n2 cannot be written: a message body must be an object";
        assert_eq!(rig.logged(), [logged]);
    });
}

fn insist(within_ms: u64) -> Value {
    json!({"type": "insist", "dest": "n2", "within_ms": within_ms, "msg_id": 5})
}

#[test]
fn a_retry_goes_on_through_silence_and_transient_errors_until_it_succeeds() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.tell("c1", insist(60_000));
        assert_eq!(rig.said().await, [QUESTION]);
        rig.tell(
            "n2",
            json!({"type": "error", "code": 0, "text": "", "in_reply_to": 1}),
        );
        for (id, code) in [(2, 11), (3, 13), (4, 4321)] {
            let again = format!(r#"n2 {{"type":"question","msg_id":{id}}}"#);
            assert_eq!(rig.said_after(ms(900)).await, [again]);
            let error = json!({"type": "error", "code": code, "text": "", "in_reply_to": id});
            rig.tell("n2", error);
        }
        assert_eq!(
            rig.said_after(ms(900)).await,
            [r#"n2 {"type":"question","msg_id":5}"#]
        );
        let after_silence = [r#"n2 {"type":"question","msg_id":6}"#];
        assert_eq!(rig.said_after(ms(1500)).await, after_silence);
        rig.tell("n2", json!({"type": "answer", "in_reply_to": 6}));
        let said = rig.said().await;
        assert!(said[0].starts_with(r#"c1 {"type":"ask_ok""#), "{said:?}");
    });
}

#[test]
fn a_retry_stops_at_an_error_that_repetition_will_not_mend() {
    in_virtual_time(async || {
        for code in [1, 10, 12, 14, 20, 21, 22, 30] {
            let mut rig = Rig::started(|_| Puppet).await;
            rig.tell("c1", insist(60_000));
            assert_eq!(rig.said().await, [QUESTION]);
            rig.tell(
                "n2",
                json!({"type": "error", "code": code, "text": "no", "in_reply_to": 1}),
            );
            let error =
                format!(r#"c1 {{"type":"error","code":{code},"text":"no","in_reply_to":5}}"#);
            assert_eq!(rig.said_after(ms(60_000)).await, [error]);
        }
    });
}

#[test]
fn a_retry_ends_at_its_limit_with_the_last_error_and_leaves_no_call_open() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.tell("c1", insist(5_000));
        let said = rig.said_after(ms(4_990)).await;
        assert!(
            said.len() >= 3 && said.iter().all(|line| line.starts_with("n2 ")),
            "{said:?}"
        );
        let text = "no reply from n2 within 1s";
        let error = format!(r#"c1 {{"type":"error","code":0,"text":"{text}","in_reply_to":5}}"#);
        assert_eq!(rig.said_after(ms(10)).await, [error]);
        rig.tell("c1", ask(0));
        let said = rig.said_after(ms(60_000)).await;
        assert!(
            said.len() == 1 && said[0].contains(r#""open":0"#),
            "{said:?}"
        );
    });
}
