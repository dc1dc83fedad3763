//! Properties that hold for arbitrary input.

use std::collections::BTreeMap;

use glomers::prelude::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, RngSeed};
use serde_json::json;
use serde_json::value::RawValue;

use crate::rig::{Rig, ScriptedNode, in_virtual_time, ms};

/// The same cases in every run.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Config::default()
    }
}

/// Generates arbitrary JSON, biased towards words and numbers that matter to the protocol.
fn any_json() -> impl Strategy<Value = Value> {
    const WORDS: &[&str] = &[
        "", "echo", "error", "init", "msg_id", "type", "n1", "c1", "\"", "\\u0000", "é", "\u{0}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300_f64).prop_map(Value::from),
        select(WORDS).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((any_key(), inner), 0..4).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "src",
        "dest",
        "body",
        "type",
        "msg_id",
        "in_reply_to",
        "echo",
        "code",
        "text",
        "node_id",
        "node_ids",
    ];
    prop_oneof![
        8 => select(WORDS).prop_map(str::to_owned),
        1 => ".*",
    ]
}

/// Generates a valid request in which some fields are replaced by arbitrary JSON.
fn nearly_a_message() -> impl Strategy<Value = Value> {
    const TYPES: &[&str] = &[
        "echo", "number", "whisper", "fail", "init", "error", "echo_ok", "nonsense",
    ];
    let body = (select(TYPES), vec((any_key(), any_json()), 0..3)).prop_map(|(kind, fields)| {
        let mut body = json!({"type": kind, "echo": 1, "number": 1, "code": 14, "msg_id": 5});
        body.as_object_mut().expect("a JSON object").extend(fields);
        body
    });
    let envelope = vec((any_key(), any_json()), 0..2);
    (body, any::<bool>(), envelope).prop_map(|(body, disturbed, fields)| {
        let mut message = json!({"src": "c1", "dest": "n1", "body": body});
        if disturbed {
            message
                .as_object_mut()
                .expect("a JSON object")
                .extend(fields);
        }
        message
    })
}

/// Generates arbitrary bytes without a line break.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        nearly_a_message().prop_map(|message| message.to_string()),
        any_json().prop_map(|json| json.to_string()),
    ];
    let mangled = (text, vec((any::<Index>(), any::<u8>()), 0..3)).prop_map(|(text, changes)| {
        let mut line = text.into_bytes();
        for (at, byte) in changes {
            if !line.is_empty() {
                let at = at.index(line.len());
                line[at] = byte;
            }
        }
        line
    });
    prop_oneof![4 => mangled, 1 => vec(any::<u8>(), 0..200)]
        .prop_map(|line| line.into_iter().filter(|byte| *byte != b'\n').collect())
}

/// A message of which only the sender and the names of the body's fields matter.
#[derive(Deserialize)]
struct Message {
    src: String,
    body: BTreeMap<String, Box<RawValue>>,
}

proptest! {
    #![proptest_config(cases(256))]

    /// All output consists of complete replies from this node, at most one per line of input, and the next
    /// valid request is answered.
    #[test]
    fn arbitrary_input_yields_only_replies_and_never_stops_the_node(
        lines in vec(any_line(), 1..12),
    ) {
        in_virtual_time(async || {
            let mut rig = Rig::started(|_| ScriptedNode).await;
            rig.line(lines.join(&b'\n'));
            rig.send("c9", json!({"type": "echo", "echo": "alive", "msg_id": 99}));
            let output = rig.output_lines().await;
            assert!(output.len() <= lines.len() + 1, "{output:?}");
            for line in &output {
                // A msg_id, and so also in_reply_to, may be a number beyond the range of floats.
                let message: Message = serde_json::from_str(line).expect(line);
                assert_eq!(message.src, "n1", "{line}");
                assert!(message.body.contains_key("in_reply_to"), "{line}");
            }
            let alive = r#"{"src":"n1","dest":"c9","body":{"type":"echo_ok","echo":"alive","in_reply_to":99}}"#;
            assert_eq!(output.last().map(String::as_str), Some(alive));
            assert!(!rig.is_stopped());
        });
    }

    /// The same holds before `init`.
    #[test]
    fn init_succeeds_after_arbitrary_input(
        mut lines in vec(any_line(), 1..6),
    ) {
        // Keep out anything that could be a valid init.
        lines.retain(|line| !String::from_utf8_lossy(line).contains("node_ids"));
        in_virtual_time(async || {
            let mut rig = Rig::new(|_| ScriptedNode);
            rig.line(lines.join(&b'\n'));
            rig.send("c8", crate::rig::init());
            let begun = r#"{"src":"n1","dest":"c8","body":{"type":"init_ok","in_reply_to":1}}"#;
            assert!(rig.output_lines().await.iter().any(|line| line == begun));
        });
    }

    /// The order of fields, unknown fields, white space and escapes do not matter.
    #[test]
    fn spelling_of_a_request_does_not_matter(
        payload in any_json(),
        more in any_json(),
        order in Just(["type", "msg_id", "echo", "more", "in_reply_to"]).prop_shuffle(),
        blank in select(&["", " ", "\t", "  "][..]),
        escaped in any::<bool>(),
    ) {
        let fields: Vec<String> = order
            .iter()
            .map(|name| {
                let value = match *name {
                    "type" if escaped => r#""\u0065cho""#.to_owned(),
                    "type" => r#""echo""#.to_owned(),
                    "msg_id" => "5".to_owned(),
                    "echo" => payload.to_string(),
                    "more" => more.to_string(),
                    _ => "null".to_owned(),
                };
                let name = if escaped { name.replacen('e', "\\u0065", 1) } else { (*name).to_owned() };
                format!("{blank}\"{name}\"{blank}:{blank}{value}{blank}")
            })
            .collect();
        let line = format!(r#"{{"src":"c1","dest":"n1","body":{{{}}}}}"#, fields.join(","));
        in_virtual_time(async || {
            let mut rig = Rig::started(|_| ScriptedNode).await;
            rig.line(line.clone());
            let expected = format!(r#"c1 {{"type":"echo_ok","echo":{payload},"in_reply_to":5}}"#);
            assert_eq!(rig.output().await, [expected], "{line}");
        });
    }

    /// The protocol requires a number; the runtime accepts any JSON.
    #[test]
    fn any_msg_id_is_repeated_verbatim(msg_id in any_json()) {
        prop_assume!(!msg_id.is_null());
        in_virtual_time(async || {
            let mut rig = Rig::started(|_| ScriptedNode).await;
            for kind in ["echo", "fail", "nonsense"] {
                rig.send("c1", json!({"type": kind, "echo": 1, "code": 14, "msg_id": msg_id}));
                let output = rig.output().await;
                let end = format!(r#","in_reply_to":{msg_id}}}"#);
                assert!(output.len() == 1 && output[0].ends_with(&end), "{output:?}");
            }
        });
    }

    /// A mixture of immediate, delayed, failing and panicking handlers.
    #[test]
    fn exactly_the_requests_with_a_msg_id_are_answered_once(
        orders in vec((0..5_u8, 0..50_u64, any::<bool>()), 1..40),
    ) {
        in_virtual_time(async || {
            let mut rig = Rig::started(|_| ScriptedNode).await;
            let mut expected = Vec::new();
            for (id, (order, time, asks)) in (0_u64..).zip(orders) {
                let mut body = match order {
                    0 => json!({"type": "echo", "echo": id}),
                    1 => json!({"type": "nap", "ms": time}),
                    2 => json!({"type": "fail", "code": 22}),
                    3 => json!({"type": "panic", "after_ms": time}),
                    _ => json!({"type": "nonsense"}),
                };
                if asks {
                    body["msg_id"] = json!(id);
                    expected.push(id);
                }
                rig.send("c1", body);
            }
            let mut answered: Vec<u64> = rig
                .output_after(ms(100))
                .await
                .iter()
                .map(|line| {
                    let (_, id) = line.rsplit_once(':').expect("a reply ends with its id");
                    id.trim_end_matches('}').parse().expect("an id is a number")
                })
                .collect();
            answered.sort_unstable();
            assert_eq!(answered, expected);
        });
    }

    /// Replies arrive in any order, twice, for unknown calls, or late.
    #[test]
    fn calls_end_and_are_removed_for_any_replies(
        calls in 0..6_u64,
        replies in vec((0..8_u64, 0..400_u64, any::<bool>()), 0..20),
    ) {
        in_virtual_time(async || {
            let mut rig = Rig::started(|_| ScriptedNode).await;
            rig.send("c1", json!({"type": "ask", "dest": "n2", "times": calls, "msg_id": 5}));
            let mut output = rig.output().await;
            for (id, time, error) in replies {
                let kind = if error { "error" } else { "answer" };
                rig.send("n2", json!({"type": kind, "code": 11, "text": "no", "in_reply_to": id}));
                output.extend(rig.output_after(ms(time)).await);
            }
            output.extend(rig.output_after(ms(1000)).await);
            output.retain(|line| line.starts_with("c1 "));
            assert_eq!(output.len(), 1, "{output:?}");
            assert!(output[0].contains(r#""open":0,"#), "{output:?}");
        });
    }
}
