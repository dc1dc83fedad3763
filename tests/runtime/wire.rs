//! What comes in, however bad, is answered or skipped, and the node goes on.

use glomers::prelude::*;
use serde_json::json;

use crate::rig::{Puppet, Rig, in_virtual_time};

/// The answer to a line, and that the node still works afterwards.
async fn answer_to(rig: &mut Rig, line: impl Into<Vec<u8>>) -> Vec<String> {
    rig.line(line);
    let said = rig.said().await;
    rig.tell(
        "c9",
        json!({"type": "echo", "echo": "still here", "msg_id": 99}),
    );
    let alive = r#"c9 {"type":"echo_ok","echo":"still here","in_reply_to":99}"#;
    assert_eq!(rig.said().await, [alive]);
    said
}

/// Body in, reply out.
#[test]
fn requests_are_answered_and_what_is_wrong_with_them_is_told() {
    let table = [
        (
            "a proper request",
            r#"{"type":"echo","echo":"x","msg_id":5}"#,
            r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":5}"#,
        ),
        (
            "fields nobody knows are nobody's business",
            r#"{"type":"echo","echo":"x","msg_id":5,"more":[1]}"#,
            r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":5}"#,
        ),
        (
            "a type after everything else, written with escapes",
            r#"{"msg_id":5,"echo":"\u0078","t\u0079pe":"ech\u006f"}"#,
            r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":5}"#,
        ),
        (
            "in_reply_to: null is no reply",
            r#"{"type":"echo","echo":"x","msg_id":5,"in_reply_to":null}"#,
            r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":5}"#,
        ),
        (
            "an unknown type",
            r#"{"type":"ecko","msg_id":5}"#,
            r#"c1 {"type":"error","code":10,"text":"no such request: ecko","in_reply_to":5}"#,
        ),
        (
            "an unknown type of which a field would be at fault too",
            r#"{"type":"ecko","code":"x","msg_id":5}"#,
            r#"c1 {"type":"error","code":10,"text":"no such request: ecko","in_reply_to":5}"#,
        ),
        (
            "a known type without its field",
            r#"{"type":"echo","msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"not a proper echo: missing field `echo`","in_reply_to":5}"#,
        ),
        (
            "a field of the wrong type",
            r#"{"type":"number","number":"1","msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"not a proper number: invalid type: string \"1\", expected u8","in_reply_to":5}"#,
        ),
        (
            "a number that does not fit",
            r#"{"type":"number","number":256,"msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"not a proper number: invalid value: integer `256`, expected u8","in_reply_to":5}"#,
        ),
        (
            "a field twice",
            r#"{"type":"echo","echo":1,"echo":2,"msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"not a proper echo: duplicate field `echo`","in_reply_to":5}"#,
        ),
        (
            "a type twice",
            r#"{"type":"echo","type":"echo","echo":1,"msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"not a proper body: duplicate field `type` at line 1 column 21","in_reply_to":5}"#,
        ),
        (
            "a type that is no string",
            r#"{"type":7,"msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"not a proper body: invalid type: integer `7`, expected a string at line 1 column 9","in_reply_to":5}"#,
        ),
        (
            "no type",
            r#"{"msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"not a proper body: missing field `type` at line 1 column 12","in_reply_to":5}"#,
        ),
        (
            "msg_id zero",
            r#"{"type":"echo","echo":"x","msg_id":0}"#,
            r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":0}"#,
        ),
        (
            "a msg_id beyond 64 bits comes back as it was",
            r#"{"type":"echo","echo":"x","msg_id":123456789012345678901234567890}"#,
            r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":123456789012345678901234567890}"#,
        ),
        (
            "a msg_id of another kind comes back as it was",
            r#"{"type":"echo","echo":"x","msg_id":"7-\u0061"}"#,
            r#"c1 {"type":"echo_ok","echo":"x","in_reply_to":"7-\u0061"}"#,
        ),
        (
            "a number beyond 64 bits becomes a float",
            r#"{"type":"echo","echo":36893488147419103232,"msg_id":5}"#,
            r#"c1 {"type":"echo_ok","echo":3.6893488147419103e+19,"in_reply_to":5}"#,
        ),
        (
            "a number beyond floats",
            r#"{"type":"echo","echo":1e999,"msg_id":5}"#,
            r#"c1 {"type":"error","code":12,"text":"not a proper echo: number out of range at line 1 column 27","in_reply_to":5}"#,
        ),
        (
            "the largest and the smallest integers",
            r#"{"type":"echo","echo":[18446744073709551615,-9223372036854775808],"msg_id":5}"#,
            r#"c1 {"type":"echo_ok","echo":[18446744073709551615,-9223372036854775808],"in_reply_to":5}"#,
        ),
    ];
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        for (what, body, reply) in table {
            let line = format!(r#"{{"id":3,"src":"c1","dest":"n1","body":{body}}}"#);
            assert_eq!(answer_to(&mut rig, line).await, [reply], "{what}");
        }
    });
}

#[test]
fn what_is_no_message_is_skipped_and_logged() {
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
        let mut rig = Rig::started(|_| Puppet).await;
        rig.logged();
        for line in lines {
            assert_eq!(answer_to(&mut rig, line).await, [""; 0], "{line}");
            assert_eq!(
                rig.logged().len(),
                usize::from(!line.trim().is_empty()),
                "{line}"
            );
        }
    });
}

#[test]
fn a_line_that_is_not_utf8_is_skipped_and_its_neighbours_are_not() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.logged();
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
        assert_eq!(rig.logged().len(), 1);
    });
}

#[test]
fn a_line_of_ten_megabytes_is_a_message_like_any_other() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        let long = "x".repeat(10_000_000);
        let body = json!({"type": "echo", "echo": long, "msg_id": 5});
        let said = answer_to(
            &mut rig,
            json!({"src": "c1", "dest": "n1", "body": body}).to_string(),
        )
        .await;
        let reply = format!(r#"c1 {{"type":"echo_ok","echo":"{long}","in_reply_to":5}}"#);
        assert!(said == [reply], "the reply is as long as the request");
    });
}

#[test]
fn a_long_line_that_is_no_message_does_not_fill_the_log() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.logged();
        answer_to(&mut rig, "é".repeat(1_000_000)).await;
        let logged = rig.logged();
        assert!(logged.len() == 1 && logged[0].len() < 1000, "{logged:?}");
    });
}

/// A body nested beyond what the parser bears is refused; so is one that only a careful look at
/// the envelope survives.
#[test]
fn deep_nesting_is_refused_without_harm() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        for depth in [200, 100_000] {
            let deep = "[".repeat(depth) + &"]".repeat(depth);
            let body = format!(r#"{{"type":"echo","echo":{deep},"msg_id":5}}"#);
            let line = format!(r#"{{"src":"c1","dest":"n1","body":{body}}}"#);
            let said = answer_to(&mut rig, line).await;
            assert!(
                said[0].starts_with(r#"c1 {"type":"error","code":12"#),
                "{said:?}"
            );
            assert!(said[0].contains("recursion limit"), "{said:?}");
        }
    });
}

#[test]
fn ids_with_quotes_and_backslashes_survive_the_way_back() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        rig.tell(r#"c"\1"#, json!({"type": "echo", "echo": 1, "msg_id": 5}));
        let said = rig.said().await;
        assert_eq!(
            said,
            [r#"c\"\\1 {"type":"echo_ok","echo":1,"in_reply_to":5}"#]
        );
    });
}

#[test]
fn many_lines_in_one_batch_are_many_messages() {
    in_virtual_time(async || {
        let mut rig = Rig::started(|_| Puppet).await;
        let line = |id| {
            json!({"src": "c1", "dest": "n1", "body": {"type": "echo", "echo": id, "msg_id": id}})
                .to_string()
        };
        let batch: Vec<String> = (0..1000).map(line).collect();
        rig.line(batch.join("\n"));
        let expected: Vec<String> = (0..1000)
            .map(|id| format!(r#"c1 {{"type":"echo_ok","echo":{id},"in_reply_to":{id}}}"#))
            .collect();
        assert_eq!(rig.said().await, expected);
    });
}

/// A node whose requests forbid unknown fields sees its own fields only.
#[test]
fn fields_of_the_protocol_are_not_part_of_a_request() {
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
        rig.tell("c1", json!({"type": "add", "delta": 2, "msg_id": 5}));
        rig.tell(
            "c1",
            json!({"type": "add", "delta": 2, "delay": 2, "msg_id": 6}),
        );
        let said = rig.said().await;
        assert_eq!(said[0], r#"c1 {"type":"add_ok","delta":2,"in_reply_to":5}"#);
        assert!(
            said[1].contains(r#""code":12"#) && said[1].contains("delay"),
            "{said:?}"
        );
    });
}
