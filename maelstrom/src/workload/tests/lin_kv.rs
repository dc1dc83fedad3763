//! Lin-kv: who does what to which key.

use std::collections::BTreeSet;

use super::*;

/// The key of an operation.
fn key(op: &Operation) -> i64 {
    let key = op.value.as_seq().and_then(|parts| parts.first());
    key.and_then(Value::as_int).expect("a key and a value")
}

#[test]
fn concurrency_must_be_a_multiple_of_twice_the_number_of_nodes() {
    for (nodes, concurrency, fits) in [
        (3, 6, true),
        (3, 12, true),
        (3, 3, false),
        (3, 9, false),
        (1, 1, false),
        (1, 2, true),
    ] {
        match LinKv.validate(&settings(nodes, concurrency, 1.0)) {
            Ok(_) => assert!(fits, "{concurrency} threads on {nodes} nodes"),
            Err(text) => {
                assert!(!fits, "{concurrency} threads on {nodes} nodes");
                assert!(text.contains("multiple"), "{text}");
            }
        }
    }
}

#[test]
fn the_first_group_reads_half_of_the_time_and_the_others_only_write() {
    let history = run(&LinKv, settings(2, 12, 500.0), 20, yes);
    let mut counts = BTreeMap::<(usize, &str), usize>::new();
    for op in invocations(&history) {
        let thread = of_thread(op, 12);
        if op.f == "read" {
            assert!(thread < 2, "thread {thread} reads");
        } else {
            assert!(thread >= 2, "thread {thread} writes");
        }
        *counts.entry((thread / 4, op.f.as_ref())).or_default() += 1;
    }
    let total = invocations(&history).count();
    for group in 0..3 {
        let of = |f| counts.get(&(group, f)).copied().unwrap_or(0);
        let group_total = of("read") + of("write") + of("cas");
        assert_fraction(group_total, total, 1.0 / 3.0);
        let reads = if group == 0 { 0.5 } else { 0.0 };
        assert_fraction(of("read"), group_total, reads);
        assert_fraction(of("write"), group_total, (1.0 - reads) / 3.0);
        assert_fraction(of("cas"), group_total, (1.0 - reads) * 2.0 / 3.0);
    }
}

#[test]
fn values_are_0_to_4_beside_their_key() {
    let history = run(&LinKv, settings(1, 2, 500.0), 20, yes);
    let shown: BTreeSet<_> = invocations(&history)
        .map(|op| op.value.to_string())
        .collect();
    let mut expected = BTreeSet::from(["[0 nil]".to_owned()]);
    for from in 0..5 {
        expected.insert(format!("[0 {from}]"));
        expected.extend((0..5).map(|to| format!("[0 [{from} {to}]]")));
    }
    assert_eq!(shown, expected);
}

#[test]
fn without_timeouts_each_group_keeps_one_key_for_ever() {
    let history = run(&LinKv, settings(1, 6, 500.0), 20, yes);
    let keys: BTreeSet<_> = invocations(&history)
        .map(|op| (of_thread(op, 6) / 2, key(op)))
        .collect();
    let groups: BTreeSet<_> = keys.iter().map(|(group, _)| *group).collect();
    assert_eq!((keys.len(), groups.len()), (3, 3));
}

#[test]
fn a_key_is_given_up_before_a_21st_process_uses_it() {
    let mut calls = 0;
    let silent_now_and_then = move |thread, request: &Json| {
        calls += 1;
        (calls % 10 != 0).then(|| yes(thread, request)).flatten()
    };
    let history = run(&LinKv, settings(3, 12, 200.0), 60, silent_now_and_then);
    let mut processes = BTreeMap::<i64, BTreeSet<Process>>::new();
    for op in invocations(&history) {
        processes.entry(key(op)).or_default().insert(op.process);
    }
    assert!(
        processes.len() > 20,
        "only {} keys were used",
        processes.len()
    );
    assert!(processes.keys().copied().eq(0..processes.len() as i64));
    for (key, processes) in &processes {
        assert!(
            processes.len() <= 20,
            "{} processes used key {key}",
            processes.len()
        );
    }
    let busiest = processes.values().map(BTreeSet::len).max();
    assert!(
        busiest >= Some(15),
        "keys are given up at {busiest:?} processes"
    );
}

#[test]
fn more_nodes_than_the_limit_of_processes_allows_for_do_not_hang_it() {
    let history = run(&LinKv, settings(13, 52, 100.0), 5, yes);
    let keys: BTreeSet<_> = invocations(&history).map(key).collect();
    assert_eq!(keys.len(), 2);
}

#[test]
fn clients_wait_ten_times_the_mean_latency_and_at_least_a_second() {
    let timeout = |latency| {
        let settings = Settings {
            latency: Duration::from_millis(latency),
            ..settings(1, 2, 1.0)
        };
        LinKv.rules(&settings).timeout.as_millis()
    };
    assert_eq!((timeout(0), timeout(100), timeout(101)), (1000, 1000, 1010));
}

#[test]
fn nodes_are_sent_key_and_value_apart_and_reads_are_recorded_with_their_key() {
    let mut client = LinKv.client(&settings(1, 2, 1.0));
    let mut exchange = |f, value: Value, reply: Json| {
        let invocation = Invocation::new(f, Value::Vector([7.into(), value].into()));
        let Step::Call(request) = client.invoke(&invocation) else {
            panic!("{f} makes a call");
        };
        match client.reply(&invocation, &reply) {
            Ok(Step::Ok(value)) => (request, value.to_string()),
            other => panic!("expected an end, not {other:?}"),
        }
    };
    let read = exchange("read", Value::Nil, json!({ "type": "read_ok", "value": 3 }));
    assert_eq!(
        read,
        (json!({ "type": "read", "key": 7 }), "[7 3]".to_owned())
    );
    let write = exchange("write", 4.into(), json!({ "type": "write_ok" }));
    assert_eq!(write.0, json!({ "type": "write", "key": 7, "value": 4 }));
    assert_eq!(write.1, "[7 4]");
    let cas = exchange("cas", Value::vector([1, 2]), json!({ "type": "cas_ok" }));
    assert_eq!(
        cas.0,
        json!({ "type": "cas", "key": 7, "from": 1, "to": 2 })
    );
    assert_eq!(cas.1, "[7 [1 2]]");
}
