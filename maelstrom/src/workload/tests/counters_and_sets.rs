//! G-set, g-counter and pn-counter.

use super::*;

#[test]
fn g_set_adds_0_1_2_and_reads_as_often_and_at_last_once_per_thread() {
    let history = run(&GSet, settings(2, 5, 1000.0), 10, yes);
    let added: Vec<_> = invocations(&history).filter(|op| op.f == "add").collect();
    let values = added.iter().map(|op| op.value.clone());
    assert!(values.eq((0..added.len()).map(Value::from)));
    let total = invocations(&history).count();
    assert_fraction(added.len(), total - 5, 0.5);

    let last: Vec<_> = invocations(&history).skip(total - 5).collect();
    assert!(
        last.iter()
            .all(|op| op.f == "read" && op.value.is_nil() && op.extra.is_empty())
    );
    let processes: std::collections::BTreeSet<_> = last.iter().map(|op| op.process).collect();
    assert_eq!(processes.len(), 5);
    assert!(
        last[0].time >= Duration::from_secs(20),
        "recovery comes first"
    );
}

#[test]
fn g_set_reads_what_the_node_answers() {
    let mut elements = Vec::new();
    let history = run(&GSet, settings(1, 1, 100.0), 2, |_, request| {
        Some(match request["type"].as_str() {
            Some("add") => {
                elements.push(request["element"].clone());
                json!({ "type": "add_ok", "in_reply_to": 1 })
            }
            _ => json!({ "type": "read_ok", "value": elements.clone(), "in_reply_to": 1 }),
        })
    });
    let added = functions(&history)["add"];
    let last = history.iter().last().expect("a final read");
    assert_eq!(
        (last.kind, &last.value),
        (Kind::Ok, &Value::vector(0..added as u64))
    );
}

/// How often each delta was added, and how many operations were reads.
fn deltas(counter: &dyn Workload) -> (BTreeMap<i64, usize>, usize) {
    let history = run(counter, settings(1, 3, 1000.0), 10, yes);
    let mut deltas = BTreeMap::new();
    for op in invocations(&history).filter(|op| op.f == "add") {
        *deltas
            .entry(op.value.as_int().expect("an integer"))
            .or_default() += 1;
    }
    let finals = invocations(&history).filter(|op| op.is_final());
    assert_eq!(finals.count(), 3, "one final read per thread");
    (deltas, functions(&history)["read"] - 3)
}

#[test]
fn pn_counter_adds_minus_5_to_4_and_reads_as_often() {
    let (deltas, reads) = deltas(&PnCounter);
    let adds = deltas.values().sum();
    assert_fraction(reads, reads + adds, 0.5);
    assert!(deltas.keys().copied().eq(-5..5));
    deltas
        .values()
        .for_each(|&count| assert_fraction(count, adds, 0.1));
}

#[test]
fn g_counter_adds_0_to_4_and_reads_twice_as_often() {
    let (deltas, reads) = deltas(&GCounter);
    let adds = deltas.values().sum();
    assert_fraction(reads, reads + adds, 2.0 / 3.0);
    assert!(deltas.keys().copied().eq(0..5));
    deltas
        .values()
        .for_each(|&count| assert_fraction(count, adds, 0.2));
}
