//! Histories for the tests of checkers: in a compact notation, and at random.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{CheckerError, Verdict, check};
use crate::edn::{self, Value};
use crate::history::{History, Kind, Operation, Process, read_edn};
use crate::workload::{Settings, built_in};

/// The history that `text` describes, one entry a line:
///
/// ```text
/// PROCESS KIND F VALUE [:field value …]
/// 0 invoke add 1
/// 0 ok add 1
/// 1 invoke read nil :final? true
/// ```
///
/// Entry *i* happens at 10·*i* ms, unless it has a `:time` (in nanoseconds).
pub(crate) fn history(text: &str) -> History {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let maps: Vec<String> = lines
        .enumerate()
        .map(|(i, line)| {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            let [process, kind, f, rest] = words[..] else {
                panic!("an entry is PROCESS KIND F VALUE, not {line:?}");
            };
            let process = process.replace("nemesis", ":nemesis");
            let time = i * 10_000_000;
            format!("{{:time {time} :process {process} :type :{kind} :f :{f} :value {rest}}}")
        })
        .collect();
    read_edn(&maps.join("\n")).expect("the notation is EDN")
}

/// The only entry of a history of one line.
pub(crate) fn operation(line: &str) -> Operation {
    history(line).get(0).expect("one line").clone()
}

/// EDN text as a value.
pub(crate) fn value(text: &str) -> Value {
    edn::parse(text).expect("the text is EDN")
}

/// Values as a node might make them up.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3..4i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let pairs = prop::collection::btree_map(inner.clone(), inner.clone(), 0..3);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| Value::Vector(items.into())),
            pairs.prop_map(|pairs| Value::Map(pairs.into_iter().collect())),
        ]
    })
}

/// Entries in any order, of any kind, with any value.
fn histories() -> impl Strategy<Value = History> {
    let f = prop::sample::select(vec!["add", "broadcast", "read", "echo", "generate"]);
    let kind = prop::sample::select(vec![Kind::Invoke, Kind::Ok, Kind::Fail, Kind::Info]);
    let entry = (0..3u64, kind, f, values(), any::<bool>());
    prop::collection::vec(entry, 0..40).prop_map(|entries| {
        let mut history = History::default();
        for (process, kind, f, value, is_final) in entries {
            let mut op = operation("0 invoke read nil");
            (op.process, op.kind) = (Process::Client(process), kind);
            (op.f, op.value) = (f.into(), value);
            op.extra = vec![("final?".into(), is_final.into())];
            history.push(op);
        }
        history
    })
}

/// Properties are tried on the same cases in every run.
pub(crate) fn deterministic() -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(7319),
        failure_persistence: None,
        ..ProptestConfig::with_cases(512)
    }
}

proptest! {
    #![proptest_config(deterministic())]
    #[test]
    fn no_history_makes_these_checkers_fail(history in histories()) {
        // Kafka and transactions have properties of their own, over histories of their operations.
        let plain = ["broadcast", "echo", "g-counter", "g-set", "unique-ids"];
        for workload in built_in().iter().filter(|workload| plain.contains(&workload.name())) {
            let settings = Settings::of_history(&**workload);
            let results = check(&history, &**workload, &settings, None);
            let failed = results.workload_as::<CheckerError>().is_some();
            prop_assert!(!failed, "{workload:?}: {results}");
            // And a verdict that is not valid never comes without a reason.
            let valid = results.verdict() == Verdict::Valid;
            prop_assert_eq!(valid, results.explanation().is_none());
        }
    }
}
