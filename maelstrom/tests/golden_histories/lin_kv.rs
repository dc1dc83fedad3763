//! Recorded lin-kv histories get the verdicts that upstream gave them, key by key.

use eddy::check::{Analysis, linearizable};
use eddy::edn::Value;

use crate::recordings_of;

/// Returns `:valid?` of each key and of the whole, and the keys that failed.
fn verdicts(workload: &Value) -> (Vec<(Value, Value)>, Value, Vec<Value>) {
    let valid = |map: &Value| map.get("valid?").expect("a :valid?").clone();
    let results = workload
        .get("results")
        .and_then(Value::as_map)
        .expect("a map of :results");
    let keys = results
        .iter()
        .map(|(key, result)| {
            let linearizable = result.get("linearizable").expect("a :linearizable");
            assert_eq!(valid(linearizable), valid(result), "key {key}");
            (key.clone(), valid(result))
        })
        .collect();
    let failures = workload
        .get("failures")
        .and_then(Value::as_seq)
        .expect(":failures");
    (keys, valid(workload), failures.to_vec())
}

#[test]
fn every_key_of_every_run_gets_upstreams_verdict() {
    let runs = recordings_of("lin-kv");
    assert!(runs.len() >= 9, "only {} runs", runs.len());
    for run in runs {
        let name = &run.name;
        let upstream = run.workload_results();
        let analysis = linearizable::check(&run.history);
        assert_eq!(verdicts(&analysis.to_edn()), verdicts(upstream), "{name}");
        let failed = upstream.get("valid?") == Some(&Value::Bool(false));
        assert_eq!(analysis.explanation().is_some(), failed, "{name}");
    }
}

/// Upstream names the first operation that fits into no order. Where it does, Eddy must name the
/// same one.
#[test]
fn first_impossible_operation_is_the_one_that_upstream_names() {
    for run in recordings_of("lin-kv") {
        let ours = linearizable::check(&run.history).to_edn();
        let named = |workload: &Value| -> Vec<(Value, Option<Value>, Option<Value>)> {
            let results = workload
                .get("results")
                .and_then(Value::as_map)
                .expect(":results");
            results
                .iter()
                .map(|(key, result)| {
                    let linearizable = result.get("linearizable").expect("a :linearizable");
                    let of = |name| linearizable.get(name).cloned();
                    (key.clone(), of("op"), of("previous-ok"))
                })
                .collect()
        };
        let upstream = run.workload_results();
        assert_eq!(named(&ours), named(upstream), "{}", run.name);
    }
}
