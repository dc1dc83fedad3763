//! Properties of a node whose surroundings mean no good, or are just broken.

use std::collections::BTreeMap;

use glomers::prelude::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, RngSeed};
use serde_json::json;
use serde_json::value::RawValue;

use crate::rig::{Puppet, Rig, in_virtual_time, ms};

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

/// JSON of any kind, with the words and the numbers that a node might stumble over.
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

/// A message that is nearly in order: a proper request of which some field is anything.
fn nearly_a_message() -> impl Strategy<Value = Value> {
    const TYPES: &[&str] = &[
        "echo", "number", "whisper", "fail", "init", "error", "echo_ok", "nonsense",
    ];
    let body = (select(TYPES), vec((any_key(), any_json()), 0..3)).prop_map(|(kind, fields)| {
        let mut body = json!({"type": kind, "echo": 1, "number": 1, "code": 14, "msg_id": 5});
        body.as_object_mut().expect("it is one").extend(fields);
        body
    });
    let envelope = vec((any_key(), any_json()), 0..2);
    (body, any::<bool>(), envelope).prop_map(|(body, disturbed, fields)| {
        let mut message = json!({"src": "c1", "dest": "n1", "body": body});
        if disturbed {
            message.as_object_mut().expect("it is one").extend(fields);
        }
        message
    })
}

/// A line of any kind, without a line break.
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

/// A message, of which nothing is believed.
#[derive(Deserialize)]
struct Message {
    src: String,
    body: BTreeMap<String, Box<RawValue>>,
}

proptest! {
    #![proptest_config(cases(256))]

    /// Whatever comes in, what goes out are answers: whole lines, in this node's name, each to
    /// somebody who may have asked; and the next proper request is answered as ever.
    #[test]
    fn nothing_that_comes_in_stops_a_node_or_makes_it_say_what_is_no_answer(
        lines in vec(any_line(), 1..12),
    ) {
        in_virtual_time(async || {
            let mut rig = Rig::started(|_| Puppet).await;
            rig.line(lines.join(&b'\n'));
            rig.tell("c9", json!({"type": "echo", "echo": "still here", "msg_id": 99}));
            let said = rig.said_whole().await;
            assert!(said.len() <= lines.len() + 1, "{said:?}");
            for line in &said {
                // A msg_id may be a number beyond all floats, and so may an answer's in_reply_to.
                let message: Message = serde_json::from_str(line).expect(line);
                assert_eq!(message.src, "n1", "{line}");
                assert!(message.body.contains_key("in_reply_to"), "{line}");
            }
            let alive = r#"{"src":"n1","dest":"c9","body":{"type":"echo_ok","echo":"still here","in_reply_to":99}}"#;
            assert_eq!(said.last().map(String::as_str), Some(alive));
            assert!(!rig.is_over());
        });
    }

    /// A node before its `init` is no easier to disturb.
    #[test]
    fn a_node_that_has_heard_anything_can_still_be_initialised(
        mut lines in vec(any_line(), 1..6),
    ) {
        // All but a proper init, that is.
        lines.retain(|line| !String::from_utf8_lossy(line).contains("node_ids"));
        in_virtual_time(async || {
            let mut rig = Rig::new(|_| Puppet);
            rig.line(lines.join(&b'\n'));
            rig.tell("c8", crate::rig::init());
            let begun = r#"{"src":"n1","dest":"c8","body":{"type":"init_ok","in_reply_to":1}}"#;
            assert!(rig.said_whole().await.iter().any(|line| line == begun));
        });
    }

    /// However a request is spelt, the answer is the same: fields in any order and with others
    /// between them, blanks, and escapes where plain letters would do.
    #[test]
    fn the_spelling_of_a_request_makes_no_difference(
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
            let mut rig = Rig::started(|_| Puppet).await;
            rig.line(line.clone());
            let expected = format!(r#"c1 {{"type":"echo_ok","echo":{payload},"in_reply_to":5}}"#);
            assert_eq!(rig.said().await, [expected], "{line}");
        });
    }

    /// The protocol says that a `msg_id` is a number; a node gives back whatever it was.
    #[test]
    fn any_msg_id_comes_back_to_the_letter(msg_id in any_json()) {
        prop_assume!(!msg_id.is_null());
        in_virtual_time(async || {
            let mut rig = Rig::started(|_| Puppet).await;
            for kind in ["echo", "fail", "nonsense"] {
                rig.tell("c1", json!({"type": kind, "echo": 1, "code": 14, "msg_id": msg_id}));
                let said = rig.said().await;
                let end = format!(r#","in_reply_to":{msg_id}}}"#);
                assert!(said.len() == 1 && said[0].ends_with(&end), "{said:?}");
            }
        });
    }

    /// Requests that are answered at once, later, with an error or by a panic, in any mixture.
    #[test]
    fn every_request_with_a_msg_id_is_answered_once_and_no_other_is(
        orders in vec((0..5_u8, 0..50_u64, any::<bool>()), 1..40),
    ) {
        in_virtual_time(async || {
            let mut rig = Rig::started(|_| Puppet).await;
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
                rig.tell("c1", body);
            }
            let mut answered: Vec<u64> = rig
                .said_after(ms(100))
                .await
                .iter()
                .map(|line| {
                    let (_, id) = line.rsplit_once(':').expect("an answer ends with its id");
                    id.trim_end_matches('}').parse().expect("an id is a number")
                })
                .collect();
            answered.sort_unstable();
            assert_eq!(answered, expected);
        });
    }

    /// Replies come in any order, twice, to nothing, or after everybody has gone.
    #[test]
    fn calls_end_and_are_forgotten_whatever_replies_come(
        calls in 0..6_u64,
        replies in vec((0..8_u64, 0..400_u64, any::<bool>()), 0..20),
    ) {
        in_virtual_time(async || {
            let mut rig = Rig::started(|_| Puppet).await;
            rig.tell("c1", json!({"type": "ask", "dest": "n2", "times": calls, "msg_id": 5}));
            let mut said = rig.said().await;
            for (id, time, error) in replies {
                let kind = if error { "error" } else { "answer" };
                rig.tell("n2", json!({"type": kind, "code": 11, "text": "no", "in_reply_to": id}));
                said.extend(rig.said_after(ms(time)).await);
            }
            said.extend(rig.said_after(ms(1000)).await);
            said.retain(|line| line.starts_with("c1 "));
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].contains(r#""open":0,"#), "{said:?}");
        });
    }
}
