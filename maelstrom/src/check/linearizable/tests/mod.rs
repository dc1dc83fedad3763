//! The checker is checked: by hand-written anomalies, by an independent checker, and here by its
//! results and its endurance.

mod anomalies;
mod oracle;
mod simulated;

use std::borrow::Cow;
use std::time::Duration;

use expect_test::expect;

use self::simulated::Clients;
use super::check;
use crate::check::{Analysis, Verdict};
use crate::edn::{self, Value};
use crate::history::{History, Kind, Operation, Process};

/// A history of one key, an entry a word apart: process, kind, function, argument. An entry a
/// millisecond.
fn history(entries: &str) -> History {
    let entries = entries
        .lines()
        .map(str::trim)
        .filter(|entry| !entry.is_empty());
    History::new(entries.enumerate().map(|(i, entry)| {
        let mut words = entry.splitn(4, ' ');
        let mut word = || words.next().unwrap_or("nil");
        let process = Process::Client(word().parse().expect("a process"));
        let kind = match word() {
            "invoke" => Kind::Invoke,
            "ok" => Kind::Ok,
            "fail" => Kind::Fail,
            "info" => Kind::Info,
            other => panic!("{other} is no kind"),
        };
        let f = Cow::Owned(word().to_owned());
        let argument = edn::parse(word()).expect("an argument");
        Operation {
            index: i,
            time: Duration::from_millis(i as u64),
            kind,
            process,
            f,
            value: Value::Vector([Value::from(0), argument].into()),
            error: None,
            exception: None,
            extra: Vec::new(),
        }
    }))
}

#[test]
fn an_operation_of_another_kind_of_object_is_not_judged() {
    let analysis = check(&history(
        "0 invoke append 1
         0 ok append 1",
    ));
    assert_eq!(analysis.verdict(), Verdict::Unknown);
    expect!["key 0 is undecided: no register has the operation {:index 0, :time 0, :type :invoke, :process 0, :f :append, :value [0 1]}"].assert_eq(&analysis.explanation().unwrap_or_default());
}

#[test]
fn an_empty_history_is_linearizable() {
    let analysis = check(&History::default());
    expect!["{:failures [], :results {}, :valid? true}"].assert_eq(&analysis.to_edn().to_string());
}

#[test]
fn results_have_the_shape_of_upstream() {
    let entries = "0 invoke write 1
         0 ok write 1
         0 invoke read
         0 ok read 2";
    expect![[r#"
        {:failures [0],
         :results {0 {:linearizable {:configs ({:last-op {:f :write,
                                                          :index 1,
                                                          :process 0,
                                                          :time 1000000,
                                                          :type :ok,
                                                          :value 1},
                                                :model #knossos.model.CASRegister{:value 1},
                                                :pending [{:f :read,
                                                           :index 2,
                                                           :process 0,
                                                           :time 2000000,
                                                           :type :invoke,
                                                           :value nil}]}),
                                     :final-paths ([{:model #knossos.model.CASRegister{:value 1},
                                                     :op {:f :write,
                                                          :index 1,
                                                          :process 0,
                                                          :time 1000000,
                                                          :type :ok,
                                                          :value 1}}
                                                    {:model #knossos.model.Inconsistent{:msg "can't read 2 when the register is 1"},
                                                     :op {:f :read,
                                                          :index 3,
                                                          :process 0,
                                                          :time 3000000,
                                                          :type :ok,
                                                          :value 2}}]),
                                     :last-op {:f :write,
                                               :index 1,
                                               :process 0,
                                               :time 1000000,
                                               :type :ok,
                                               :value 1},
                                     :op {:f :read,
                                          :index 3,
                                          :process 0,
                                          :time 3000000,
                                          :type :ok,
                                          :value 2},
                                     :previous-ok {:f :write,
                                                   :index 1,
                                                   :process 0,
                                                   :time 1000000,
                                                   :type :ok,
                                                   :value 1},
                                     :valid? false},
                      :timeline {:valid? true},
                      :valid? false}},
         :valid? false}"#]].assert_eq(&format!("{:#}", check(&history(entries)).to_edn()));
}

#[test]
fn keys_are_judged_each_on_its_own() {
    let clients = Clients {
        operations: 60,
        unanswered: 0.0,
        ..Clients::default()
    };
    let wrong = simulated::misread(&simulated::history(clients, 1, 1), 1000, 1);
    let histories = [
        simulated::history(clients, 0, 0),
        wrong.expect("it has reads"),
    ];
    let mut merged: Vec<Operation> = Vec::new();
    for (key, history) in (0..).zip(&histories) {
        merged.extend(history.iter().cloned().map(|mut op| {
            if let Process::Client(id) = &mut op.process {
                *id = 2 * *id + key;
            }
            op
        }));
    }
    merged.sort_by_key(|op| op.time);
    let analysis = check(&History::new(merged));
    let verdicts: Vec<_> = analysis
        .keys()
        .map(|(key, verdict)| (key.to_string(), verdict))
        .collect();
    let expected = [("0", Verdict::Valid), ("1", Verdict::Invalid)];
    assert_eq!(
        verdicts,
        expected.map(|(key, verdict)| (key.to_owned(), verdict))
    );
    assert_eq!(analysis.verdict(), Verdict::Invalid);
}

/// The default budget is enough for long histories, for one key that holds all of them, and for
/// hundreds of operations on it that were never answered.
#[test]
fn ten_thousand_operations_on_one_key_are_decided() {
    for (processes, values, unanswered) in [
        (10, 5, 0.03),
        (20, 5, 0.03),
        (10, 5, 0.1),
        (10, 50, 0.05),
        (10, 1000, 0.03),
        (20, 5, 0.0),
    ] {
        let clients = Clients {
            processes,
            operations: 10_000,
            values,
            unanswered,
            ..Clients::default()
        };
        let right = simulated::history(clients, 0, 0);
        assert_eq!(check(&right).verdict(), Verdict::Valid, "{clients:?}");
        // A value that nobody wrote, so that there is no doubt about the verdict.
        let wrong = simulated::misread(&right, i64::MAX, 0).expect("it has reads");
        assert_eq!(check(&wrong).verdict(), Verdict::Invalid, "{clients:?}");
    }
}

/// Writes of these values, all at once, that were never answered; and then reads of those, one
/// after the other.
fn written_and_never_answered(writes: &[u32], reads: &[u32]) -> History {
    let invoked = (0..).zip(writes);
    let invoked = invoked.map(|(process, value)| format!("{process} invoke write {value}"));
    let read = |value: &u32| format!("1000 invoke read\n1000 ok read {value}");
    let entries: Vec<String> = invoked.chain(reads.iter().map(read)).collect();
    history(&entries.join("\n"))
}

/// They take effect in any order, but once each: a value that was overwritten does not come back,
/// unless it was written twice.
#[test]
fn three_hundred_unanswered_writes_take_effect_late_and_once_each() {
    let values: Vec<u32> = (0..300).map(|i| i * 77 % 300).collect();
    let mut reads = values.clone();
    reads.reverse();
    let verdict =
        |writes: &[u32], reads: &[u32]| check(&written_and_never_answered(writes, reads)).verdict();
    assert_eq!(verdict(&values, &reads), Verdict::Valid);
    let twice = [&reads[..], &reads[150..151]].concat();
    assert_eq!(verdict(&values, &twice), Verdict::Invalid);
    let written_twice = [&values[..], &reads[150..151]].concat();
    assert_eq!(verdict(&written_twice, &twice), Verdict::Valid);
}

/// With so many unanswered operations to choose from, neither the search nor counting all of them comes
/// to an end. Counting those that set one value is enough.
#[test]
fn value_set_once_too_often_is_found_among_hundreds_of_unanswered_cas() {
    const VALUES: u32 = 20;
    let pairs = (0..VALUES).flat_map(|from| (0..VALUES).map(move |to| (from, to)));
    let pairs = pairs.filter(|(from, to)| from != to);
    let cas = pairs
        .zip(0..)
        .map(|((from, to), process)| format!("{process} invoke cas [{from} {to}]"));
    // Each cas to 0 is needed at once, and then one more.
    let walk = (0..VALUES).flat_map(|i| [0, 1 + i % 3, 4 + i % 7]);
    let reads = walk.map(|value| format!("1000 invoke read\n1000 ok read {value}"));
    let start = ["1000 invoke write 19\n1000 ok write 19".to_owned()].into_iter();
    let entries: Vec<String> = start.chain(cas).chain(reads).collect();
    let analysis = check(&history(&entries.join("\n")));
    assert_eq!(analysis.verdict(), Verdict::Invalid);
}

/// Undecided keys name the bound.
#[test]
fn undecided_key_names_the_bound_that_stopped_the_search() {
    let analysis = super::check_within(&written_and_never_answered(&[1, 2, 3], &[3, 1, 2]), 1);
    assert_eq!(analysis.verdict(), Verdict::Unknown);
    let text = analysis.explanation().unwrap_or_default();
    assert!(
        text.ends_with("stopped at its bound of 1 configurations"),
        "{text}"
    );
}
