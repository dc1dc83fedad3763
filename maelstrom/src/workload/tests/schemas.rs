//! Schemas of replies are closed, and lists may be null.

use super::*;

/// What a workload's client makes of `reply` to an operation: the value in the history, or `None`
/// if the reply is malformed.
fn judge(workload: &str, invocation: &Invocation, reply: Json) -> Option<String> {
    let workload = named(workload);
    let mut client = workload.client(&settings(1, 2, 1.0));
    match client.invoke(invocation) {
        Step::Call(_) => {}
        other => panic!("expected a call, not {other:?}"),
    }
    match client.reply(invocation, &reply).ok()? {
        Step::Ok(value) => Some(value.to_string()),
        other => panic!("expected an end, not {other:?}"),
    }
}

fn operation(f: &'static str, value: &str) -> Invocation {
    Invocation::new(f, crate::edn::parse(value).expect("valid EDN"))
}

/// Workload, operation, a good reply, and the operation's outcome.
fn good() -> Vec<(&'static str, Invocation, Json, &'static str)> {
    let txn = json!([["r", 1, [5]], ["append", 1, 6]]);
    let txn_shown = "[[:r 1 [5]] [:append 1 6]]";
    let registers = json!([["r", 1, 5], ["w", 1, 6]]);
    let offsets = json!({ "9": 3 });
    vec![
        (
            "echo",
            operation("echo", "\"a\""),
            json!({ "type": "echo_ok", "echo": "a" }),
            "{:echo \"a\", :type \"echo_ok\"}",
        ),
        (
            "unique-ids",
            operation("generate", "nil"),
            json!({ "type": "generate_ok", "id": "x" }),
            "\"x\"",
        ),
        (
            "broadcast",
            operation("broadcast", "3"),
            json!({ "type": "broadcast_ok" }),
            "3",
        ),
        (
            "broadcast",
            operation("read", "nil"),
            json!({ "type": "read_ok", "messages": [1] }),
            "[1]",
        ),
        (
            "g-set",
            operation("add", "3"),
            json!({ "type": "add_ok" }),
            "3",
        ),
        (
            "g-set",
            operation("read", "nil"),
            json!({ "type": "read_ok", "value": [1, "1"] }),
            "[1 \"1\"]",
        ),
        (
            "g-counter",
            operation("add", "3"),
            json!({ "type": "add_ok" }),
            "3",
        ),
        (
            "pn-counter",
            operation("read", "nil"),
            json!({ "type": "read_ok", "value": -3 }),
            "-3",
        ),
        (
            "lin-kv",
            operation("read", "[0 nil]"),
            json!({ "type": "read_ok", "value": null }),
            "[0 nil]",
        ),
        (
            "lin-kv",
            operation("write", "[0 1]"),
            json!({ "type": "write_ok" }),
            "[0 1]",
        ),
        (
            "lin-kv",
            operation("cas", "[0 [1 2]]"),
            json!({ "type": "cas_ok" }),
            "[0 [1 2]]",
        ),
        (
            "txn-list-append",
            operation("txn", "[[:r 1 nil]]"),
            json!({ "type": "txn_ok", "txn": txn }),
            txn_shown,
        ),
        (
            "txn-rw-register",
            operation("txn", "[[:r 1 nil]]"),
            json!({ "type": "txn_ok", "txn": registers }),
            "[[:r 1 5] [:w 1 6]]",
        ),
        (
            "kafka",
            operation("send", "[[:send \"9\" 1]]"),
            json!({ "type": "send_ok", "offset": 4 }),
            "[[:send \"9\" [4 1]]]",
        ),
        (
            "kafka",
            operation("poll", "[[:poll]]"),
            json!({ "type": "poll_ok", "msgs": {} }),
            "[[:poll {}]]",
        ),
        (
            "kafka",
            operation("assign", "[\"9\"]"),
            json!({ "type": "list_committed_offsets_ok", "offsets": offsets }),
            "[\"9\"]",
        ),
    ]
}

#[test]
fn a_good_reply_is_recorded_whether_or_not_it_has_a_msg_id() {
    for (workload, operation, mut reply, expected) in good() {
        let shown = judge(workload, &operation, reply.clone());
        assert_eq!(shown.as_deref(), Some(expected), "{workload}");
        // Echo's outcome is the reply itself.
        if workload != "echo" {
            reply["msg_id"] = json!(17);
            assert_eq!(
                judge(workload, &operation, reply).as_deref(),
                Some(expected),
                "{workload}"
            );
        }
    }
}

#[test]
fn a_reply_with_a_field_too_many_is_malformed() {
    for (workload, operation, mut reply, _) in good() {
        reply["extra"] = json!(null);
        assert_eq!(judge(workload, &operation, reply), None, "{workload}");
    }
}

#[test]
fn a_reply_without_one_of_its_fields_is_malformed() {
    for (workload, operation, reply, _) in good() {
        for field in reply.as_object().expect("an object").keys() {
            let mut reply = reply.clone();
            reply.as_object_mut().expect("an object").remove(field);
            assert_eq!(
                judge(workload, &operation, reply),
                None,
                "{workload} without {field}"
            );
        }
    }
}

#[test]
fn a_reply_of_another_type_or_with_a_msg_id_that_is_no_integer_is_malformed() {
    for (workload, operation, reply, _) in good() {
        for (field, value) in [("type", json!("topology_ok")), ("msg_id", json!("7"))] {
            let mut reply = reply.clone();
            reply[field] = value;
            assert_eq!(
                judge(workload, &operation, reply),
                None,
                "{workload} with {field}"
            );
        }
    }
}

#[test]
fn a_list_may_be_null_but_an_object_and_a_number_may_not() {
    let read = operation("read", "nil");
    let reply = |field: &str| json!({ "type": "read_ok", field: null });
    assert_eq!(
        judge("broadcast", &read, reply("messages")).as_deref(),
        Some("nil")
    );
    assert_eq!(
        judge("g-set", &read, reply("value")).as_deref(),
        Some("nil")
    );
    assert_eq!(judge("g-counter", &read, reply("value")), None);
    assert_eq!(
        judge(
            "g-counter",
            &read,
            json!({ "type": "read_ok", "value": 1.0 })
        ),
        None
    );

    let txn = operation("txn", "[[:r 1 nil]]");
    let reply = |value: Json| json!({ "type": "txn_ok", "txn": [["r", 1, value]] });
    let shown = |workload, value| judge(workload, &txn, reply(value));
    assert_eq!(
        shown("txn-list-append", json!(null)).as_deref(),
        Some("[[:r 1 nil]]")
    );
    assert_eq!(
        shown("txn-list-append", json!([])).as_deref(),
        Some("[[:r 1 []]]")
    );
    assert_eq!(shown("txn-list-append", json!(5)), None);
    assert_eq!(
        shown("txn-rw-register", json!([])).as_deref(),
        Some("[[:r 1 []]]")
    );

    let poll = operation("poll", "[[:poll]]");
    let shown = |msgs: Json| judge("kafka", &poll, json!({ "type": "poll_ok", "msgs": msgs }));
    assert_eq!(
        shown(json!({ "9": null })).as_deref(),
        Some("[[:poll {\"9\" []}]]")
    );
    assert_eq!(shown(json!(null)), None);
}

#[test]
fn micro_operations_and_messages_must_have_their_form() {
    let txn = operation("txn", "[[:r 1 nil]]");
    let bad = [
        json!(["r", 1]),
        json!(["r", 1, null, null]),
        json!(["w", 1, 2]),
        json!([null, 1, 2]),
        json!({ "f": "r" }),
        json!(null),
    ];
    for micro_op in bad {
        let reply = json!({ "type": "txn_ok", "txn": [micro_op] });
        assert_eq!(judge("txn-list-append", &txn, reply), None, "{micro_op}");
    }
    let poll = operation("poll", "[[:poll]]");
    for log in [
        json!([[1]]),
        json!([[1, 2, 3]]),
        json!([["1", 2]]),
        json!([1]),
        json!({}),
        json!(7),
    ] {
        let reply = json!({ "type": "poll_ok", "msgs": { "9": log } });
        assert_eq!(judge("kafka", &poll, reply), None, "{log}");
    }
    let send = operation("send", "[[:send \"9\" 1]]");
    for offset in [json!(1.0), json!("1"), json!(null)] {
        let reply = json!({ "type": "send_ok", "offset": offset });
        assert_eq!(judge("kafka", &send, reply), None, "{offset}");
    }
    let assign = operation("assign", "[\"9\"]");
    let reply = json!({ "type": "list_committed_offsets_ok", "offsets": { "9": "1" } });
    assert_eq!(judge("kafka", &assign, reply), None);
}
