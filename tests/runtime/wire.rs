//! Parsing: malformed input is refused or skipped, and the node keeps working.

use glomers::prelude::*;
use serde_json::json;

use crate::rig::{Rig, ScriptedNode, in_virtual_time};

/// Returns the replies to a line, and asserts that the node still works afterwards.
async fn answer_to(rig: &mut Rig, line: impl Into<Vec<u8>>) -> Vec<String> {
    rig.line(line);
    let output = rig.output().await;
    rig.send("c9", json!({"type": "echo", "echo": "alive", "msg_id": 99}));
    let alive = r#"c9 {"type":"echo_ok","echo":"alive","in_reply_to":99}"#;
    assert_eq!(rig.output().await, [alive]);
    output
}

/// Each row: description, request body, expected reply.
#[test]
fn each_request_gets_its_reply_or_its_error() {
    let table = [
        (
            "a valid request",
            r#"{"type":"echo","echo":"x","msg_id":5}"#,
            r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":5}"#,
        ),
        (
            "unknown fields are ignored",
            r#"{"type":"echo","echo":"x","msg_id":5,"more":[1]}"#,
            r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":5}"#,
        ),
        (
            "a type after everything else, written with escapes",
            r#"{"msg_id":5,"echo":"\u0078","t\u0079pe":"ech\u006f"}"#,
            r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":5}"#,
        ),
        (
            "in_reply_to: null is a request",
            r#"{"type":"echo","echo":"x","msg_id":5,"in_reply_to":null}"#,
            r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":5}"#,
        ),
        (
            "an unknown type",
            r#"{"type":"ecko","msg_id":5}"#,
            r#"c1 {"type":"error","code":10,"text":"unknown request type: ecko","in_reply_to":5}"#,
        ),
        (
            "an unknown type with a malformed field",
            r#"{"type":"ecko","code":"x","msg_id":5}"#,
            r#"c1 {"type":"error","code":10,"text":"unknown request type: ecko","in_reply_to":5}"#,
        ),
        (
            "a known type without its field",
            r#"{"type":"echo","msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"malformed echo: missing field `echo` at line 1 column 26","in_reply_to":5}"#,
        ),
        (
            "a field of the wrong type",
            r#"{"type":"number","number":"1","msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"malformed number: invalid type: string \"1\", expected u8 at line 1 column 29","in_reply_to":5}"#,
        ),
        (
            "a number that does not fit",
            r#"{"type":"number","number":256,"msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"malformed number: invalid value: integer `256`, expected u8 at line 1 column 29","in_reply_to":5}"#,
        ),
        (
            "a field twice",
            r#"{"type":"echo","echo":1,"echo":2,"msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"malformed echo: duplicate field `echo` at line 1 column 30","in_reply_to":5}"#,
        ),
        (
            "a type twice",
            r#"{"type":"echo","type":"echo","echo":1,"msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"malformed body: duplicate field `type` at line 1 column 21","in_reply_to":5}"#,
        ),
        (
            "a type that is not a string",
            r#"{"type":7,"msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"malformed body: invalid type: integer `7`, expected a string at line 1 column 9","in_reply_to":5}"#,
        ),
        (
            "no type",
            r#"{"msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"malformed body: missing field `type` at line 1 column 12","in_reply_to":5}"#,
        ),
        (
            "msg_id zero",
            r#"{"type":"echo","echo":"x","msg_id":0}"#,
            r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":0}"#,
        ),
        (
            "a msg_id beyond 64 bits is repeated verbatim",
            r#"{"type":"echo","echo":"x","msg_id":123456789012345678901234567890}"#,
            r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":123456789012345678901234567890}"#,
        ),
        (
            "a msg_id that is a string is repeated verbatim",
            r#"{"type":"echo","echo":"x","msg_id":"7-\u0061"}"#,
            r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":"7-\u0061"}"#,
        ),
        (
            "a number beyond 64 bits becomes a float",
            r#"{"type":"echo","echo":36893488147419103232,"msg_id":5}"#,
            r#"c1 {"type":"echo_ok","echo":3.6893488147419103e+19,"in_reply_to":5}"#,
        ),
        (
            "a number beyond the range of floats",
            r#"{"type":"echo","echo":1e999,"msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"malformed echo: number out of range at line 1 column 27","in_reply_to":5}"#,
        ),
        (
            "the largest and the smallest integers",
            r#"{"type":"echo","echo":[18446744073709551615,-9223372036854775808],"msg_id":5}"#,
            r#"c1 {"type":"echo_ok","echo":[18446744073709551615,-9223372036854775808],"in_reply_to":5}"#,
        ),
    ];
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        for (what, body, reply) in table {
            let line = format!(r#"{{"id":3,"src":"c1","dest":"n1","body":{body}}}"#);
            assert_eq!(answer_to(&mut rig, line).await, [reply], "{what}");
        }
    });
}

#[test]
fn line_that_is_not_a_message_is_skipped_and_logged() {
    let lines = [
        "",
        "   ",
        "Exception in thread main",
        "[]",
        "{}",
        "null",
        r#"{"src":"c1","dest":"n1"}"#,
        r#"{"dest":"n1","body":{"type":"echo","echo":1,"msg_id":5}}"#,
        r#"{"src":1,"dest":"n1","body":{"type":"echo","echo":1,"msg_id":5}}"#,
        r#"{"src":"c1","src":"c2","dest":"n1","body":{"type":"echo","echo":1,"msg_id":5}}"#,
        r#"{"src":"c1","dest":"n1","body":"echo"}"#,
        r#"{"src":"c1","dest":"n1","body":{"type":"echo","echo":1,"msg_id":5}"#,
        r#"{"src":"c1","dest":"n1","body":{"type":"echo","echo":1,"msg_id":5}}}"#,
        r#"{"src":"c1","dest":"n1","body":{"type":"echo","echo":1,"msg_id":5,"msg_id":6}}"#,
        r#"{"src":"c1","dest":"n1","body":{"type":"ecko"}}"#,
    ];
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.take_log();
        for line in lines {
            assert_eq!(answer_to(&mut rig, line).await, [""; 0], "{line}");
            assert_eq!(
                rig.take_log().len(),
                usize::from(!line.trim().is_empty()),
                "{line}"
            );
        }
    });
}

#[test]
fn only_the_line_that_is_not_utf8_is_skipped() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.take_log();
        let message = |id: u8| {
            format!(
                r#"{{"src":"c1","dest":"n1","body":{{"type":"echo","echo":"é","msg_id":{id}}}}}"#
            )
        };
        let bad = message(2).replace('é', "!").into_bytes();
        let bad: Vec<u8> = bad
            .into_iter()
            .map(|b| if b == b'!' { 0xFF } else { b })
            .collect();
        let batch = [message(1).as_bytes(), &bad, message(3).as_bytes()].join(&b'\n');
        assert_eq!(
            answer_to(&mut rig, batch).await,
            [
                r#"c1 {"type":"echo_ok","echo":"é","in_reply_to":1}"#,
                r#"c1 {"type":"echo_ok","echo":"é","in_reply_to":3}"#,
            ]
        );
        assert_eq!(rig.take_log().len(), 1);
    });
}

#[test]
fn line_of_ten_megabytes_is_handled() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        let long = "x".repeat(10_000_000);
        let body = json!({"type": "echo", "echo": long, "msg_id": 5});
        let output = answer_to(
            &mut rig,
            json!({"src": "c1", "dest": "n1", "body": body}).to_string(),
        )
        .await;
        let reply = format!(r#"c1 {{"type":"echo_ok","echo":"{long}","in_reply_to":5}}"#);
        assert!(output == [reply], "the reply must repeat the whole request");
    });
}

#[test]
fn long_malformed_line_is_logged_truncated() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.take_log();
        answer_to(&mut rig, "é".repeat(1_000_000)).await;
        let take_log = rig.take_log();
        assert!(
            take_log.len() == 1 && take_log[0].len() < 1000,
            "{take_log:?}"
        );
    });
}

/// Two depths: beyond the parser's limit in the body, and far beyond it.
#[test]
fn deeply_nested_body_is_refused() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        for depth in [200, 100_000] {
            let deep = "[".repeat(depth) + &"]".repeat(depth);
            let body = format!(r#"{{"type":"echo","echo":{deep},"msg_id":5}}"#);
            let line = format!(r#"{{"src":"c1","dest":"n1","body":{body}}}"#);
            let output = answer_to(&mut rig, line).await;
            assert!(
                output[0].starts_with(r#"c1 {"type":"error","code":12"#),
                "{output:?}"
            );
            assert!(output[0].contains("recursion limit"), "{output:?}");
        }
    });
}

#[test]
fn ids_are_escaped_in_replies() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        rig.send(r#"c"\1"#, json!({"type": "echo", "echo": 1, "msg_id": 5}));
        let output = rig.output().await;
        assert_eq!(
            output,
            [r#"c\"\\1 {"type":"echo_ok","echo":1,"in_reply_to":5}"#]
        );
    });
}

#[test]
fn batch_of_lines_is_handled_line_by_line() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| ScriptedNode).await;
        let line = |id| {
            json!({"src": "c1", "dest": "n1", "body": {"type": "echo", "echo": id, "msg_id": id}})
                .to_string()
        };
        let batch: Vec<String> = (0..1000).map(line).collect();
        rig.line(batch.join("\n"));
        let expected: Vec<String> = (0..1000)
            .map(|id| format!(r#"c1 {{"type":"echo_ok","echo":{id},"in_reply_to":{id}}}"#))
            .collect();
        assert_eq!(rig.output().await, expected);
    });
}

/// A request type may deny unknown fields: the runtime's own fields are hidden from it.
#[test]
fn runtime_fields_are_hidden_from_the_request_type() {
    #[derive(Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
    enum Strict {
        Add { delta: i64 },
    }
    #[derive(Serialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Reply {
        AddOk { delta: i64 },
    }
    struct Counter;
    impl Node for Counter {
        type Request = Strict;
        type Reply = Reply;
        async fn handle(&self, Strict::Add { delta }: Strict, _: &Context) -> Result<Reply> {
            Ok(Reply::AddOk { delta })
        }
    }
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Counter).await;
        rig.send("c1", json!({"type": "add", "delta": 2, "msg_id": 5}));
        rig.send(
            "c1",
            json!({"type": "add", "delta": 2, "delay": 2, "msg_id": 6}),
        );
        let output = rig.output().await;
        assert_eq!(
            output[0],
            r#"c1 {"type":"add_ok","delta":2,"in_reply_to":5}"#
        );
        assert!(
            output[1].contains(r#""code":12"#) && output[1].contains("delay"),
            "{output:?}"
        );
    });
}

/// Without `tag`, the runtime finds the type itself, wherever it is.
#[test]
fn type_selects_the_variant_wherever_it_stands() {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Request {
        Read,
        Add { delta: i64 },
        Merge(Totals),
        Pair(i64, i64),
    }
    #[derive(Deserialize)]
    struct Totals {
        totals: Vec<i64>,
    }
    #[derive(Serialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Reply {
        Sum { sum: i64 },
    }
    struct Sums;
    impl Node for Sums {
        type Request = Request;
        type Reply = Reply;
        async fn handle(&self, request: Request, _: &Context) -> Result<Reply> {
            let sum = match request {
                Request::Read => 0,
                Request::Add { delta } => delta,
                Request::Merge(Totals { totals }) => totals.iter().sum(),
                Request::Pair(a, b) => a + b,
            };
            Ok(Reply::Sum { sum })
        }
    }
    let table = [
        (r#"{"type":"read","msg_id":5,"x":[1]}"#, "Ok(0)"),
        (r#"{"x":[1],"msg_id":5,"type":"read"}"#, "Ok(0)"),
        (r#"{"type":"add","delta":7,"msg_id":5}"#, "Ok(7)"),
        (
            r#"{"x":{},"delta":7,"msg_id":5,"type":"add","y":1}"#,
            "Ok(7)",
        ),
        (
            r#"{"delta":7,"type":"add","delta":8,"msg_id":5}"#,
            "Err(12)",
        ),
        (r#"{"type":"merge","totals":[1,2],"msg_id":5}"#, "Ok(3)"),
        (r#"{"msg_id":5,"totals":[1,2],"type":"merge"}"#, "Ok(3)"),
        (r#"{"msg_id":5,"totals":["1"],"type":"merge"}"#, "Err(12)"),
        (
            r#"{"type":"merge","type":"read","totals":[],"msg_id":5}"#,
            "Err(12)",
        ),
        (r#"{"type":"pair","msg_id":5}"#, "Err(12)"),
        (r#"{"delta":7,"type":"sub","msg_id":5}"#, "Err(10)"),
    ];
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Sums).await;
        for (body, expected) in table {
            rig.line(format!(r#"{{"src":"c1","dest":"n1","body":{body}}}"#));
            let output = rig.output().await;
            let reply = output[0]
                .strip_prefix("c1 ")
                .expect("a reply to the client");
            let reply: Value = serde_json::from_str(reply).expect("a reply is JSON");
            let found = match reply["code"].as_i64() {
                Some(code) => format!("Err({code})"),
                None => format!("Ok({})", reply["sum"]),
            };
            assert_eq!(found, expected, "{body}");
        }
    });
}
