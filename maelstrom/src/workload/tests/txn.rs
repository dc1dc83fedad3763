//! The two transactional workloads.

use std::collections::BTreeSet;

use super::*;

/// The micro-operations of each transaction in a long run: function, key and value.
fn transactions(workload: &dyn Workload) -> Vec<Vec<(String, i64, Value)>> {
    let history = run(workload, settings(1, 4, 1000.0), 10, yes);
    let parts = |micro_op: &Value| match micro_op.as_seq() {
        Some([f, key, value]) => (
            f.as_keyword().expect("a keyword").to_owned(),
            key.as_int().expect("an integer"),
            value.clone(),
        ),
        _ => panic!("no micro-operation: {micro_op}"),
    };
    let transactions = invocations(&history).map(|op| {
        assert_eq!(op.f, "txn");
        op.value
            .as_seq()
            .expect("a list")
            .iter()
            .map(parts)
            .collect()
    });
    transactions.collect()
}

#[test]
fn transactions_have_1_to_4_micro_operations_equally_often() {
    let transactions = transactions(&TxnListAppend);
    for length in 1..=4 {
        let count = transactions
            .iter()
            .filter(|txn| txn.len() == length)
            .count();
        assert_fraction(count, transactions.len(), 0.25);
    }
    assert!(transactions.iter().all(|txn| (1..=4).contains(&txn.len())));
}

#[test]
fn every_key_is_written_1_to_16_in_order_and_then_replaced() {
    let workloads: [(&dyn Workload, &str); 2] = [(&TxnListAppend, "append"), (&TxnRwRegister, "w")];
    for (workload, write) in workloads {
        let (mut written, mut seen) = (BTreeMap::<i64, i64>::new(), BTreeSet::new());
        for (f, key, value) in transactions(workload).into_iter().flatten() {
            seen.insert(key);
            if f == "r" {
                assert!(value.is_nil());
                continue;
            }
            assert_eq!(f, write);
            let last = written
                .insert(key, value.as_int().expect("an integer"))
                .unwrap_or(0);
            assert_eq!(written[&key], last + 1);
        }
        assert_eq!(written.values().max(), Some(&16));
        let unfinished = written.values().filter(|&&last| last < 16).count();
        assert!(unfinished <= 10, "{unfinished} keys were given up early");
        assert!(seen.len() > 100, "only {} keys were used", seen.len());
    }
}

#[test]
fn nodes_are_sent_json_and_their_answer_is_recorded_with_keywords() {
    let mut client = TxnListAppend.client(&settings(1, 1, 1.0));
    let micro_op = |f: &str, value| Value::Vector([Value::keyword(f), 9.into(), value].into());
    let txn = Value::Vector([micro_op("r", Value::Nil), micro_op("append", 3.into())].into());
    let invocation = Invocation::new("txn", txn);
    assert_eq!(invocation.value.to_string(), "[[:r 9 nil] [:append 9 3]]");
    match client.invoke(&invocation) {
        Step::Call(body) => {
            let txn = json!([["r", 9, null], ["append", 9, 3]]);
            assert_eq!(body, json!({ "type": "txn", "txn": txn }));
        }
        other => panic!("expected a call, not {other:?}"),
    }
    let txn = json!([["r", 9, [1, 2]], ["append", 9, 3]]);
    let reply = json!({ "type": "txn_ok", "txn": txn, "in_reply_to": 1 });
    match client.reply(&invocation, &reply) {
        Ok(Step::Ok(value)) => assert_eq!(value.to_string(), "[[:r 9 [1 2]] [:append 9 3]]"),
        other => panic!("expected an end, not {other:?}"),
    }
}
