//! Every anomaly is caught, and its near twin passes.

use std::borrow::Cow;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::check;
use super::simulated::{self, Clients};
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
            value: Value::Vector(vec![Value::from(0), argument]),
            error: None,
            exception: None,
            extra: Vec::new(),
        }
    }))
}

fn verdict(entries: &str) -> Verdict {
    check(&history(entries)).verdict()
}

#[track_caller]
fn caught(entries: &str, expected: Expect) {
    let analysis = check(&history(entries));
    assert_eq!(analysis.verdict(), Verdict::Invalid);
    expected.assert_eq(&analysis.explanation().unwrap_or_default());
}

#[track_caller]
fn passes(entries: &str) {
    let analysis = check(&history(entries));
    assert_eq!(analysis.explanation(), None);
    assert_eq!(analysis.verdict(), Verdict::Valid);
}

#[test]
fn a_stale_read_is_caught() {
    caught(
        "0 invoke write 1
         0 ok write 1
         0 invoke write 2
         0 ok write 2
         1 invoke read
         1 ok read 1",
        expect![[r#"
            key 0 is not linearizable: read 1 (process 1, 4.000–5.000 ms) has no place: the register could only hold 2.
            Whatever the register held before, these cannot be ordered:
                ├─┤      write 2  process 0, 2.000–3.000 ms
                    ├─┤  read 1   process 1, 4.000–5.000 ms  <- no place
        "#]],
    );
}

#[test]
fn a_read_beside_the_write_may_miss_it() {
    passes(
        "0 invoke write 1
         0 ok write 1
         0 invoke write 2
         1 invoke read
         0 ok write 2
         1 ok read 1",
    );
}

#[test]
fn a_lost_cas_is_caught() {
    caught(
        "0 invoke write 1
         0 ok write 1
         1 invoke cas [1 2]
         2 invoke cas [1 3]
         1 ok cas [1 2]
         2 ok cas [1 3]",
        expect![[r#"
            key 0 is not linearizable: cas 1 to 3 (process 2, 3.000–5.000 ms) has no place: the register could only hold 2.
            Whatever the register held before, these cannot be ordered:
                ├───┤    cas 1 to 2  process 1, 2.000–4.000 ms
                  ├───┤  cas 1 to 3  process 2, 3.000–5.000 ms  <- no place
        "#]],
    );
}

#[test]
fn one_of_two_rival_cas_may_win() {
    passes(
        "0 invoke write 1
         0 ok write 1
         1 invoke cas [1 2]
         2 invoke cas [1 3]
         1 ok cas [1 2]
         2 fail cas [1 3]",
    );
}

#[test]
fn a_denied_write_that_took_effect_is_caught() {
    caught(
        "0 invoke write 1
         0 ok write 1
         1 invoke write 3
         1 fail write 3
         0 invoke read
         0 ok read 3",
        expect![[r#"
            key 0 is not linearizable: read 3 (process 0, 4.000–5.000 ms) has no place: the register could only hold 1.
            It would fit if a failed operation had taken effect: write 3 (process 1, 2.000–3.000 ms).
            These operations, the first on the key, cannot be ordered:
                ├─┤      write 1  process 0, 0.000–1.000 ms
                    ├─┤  read 3   process 0, 4.000–5.000 ms  <- no place
        "#]],
    );
}

#[test]
fn a_write_without_an_answer_may_have_taken_effect_or_not() {
    let written = |read: &str| {
        format!(
            "0 invoke write 1
             0 ok write 1
             1 invoke write 3
             1 info write 3
             0 invoke read
             0 ok read {read}"
        )
    };
    passes(&written("1"));
    passes(&written("3"));
    assert_eq!(verdict(&written("2")), Verdict::Invalid);
}

#[test]
fn a_write_without_an_answer_that_takes_effect_twice_is_caught() {
    caught(
        "0 invoke write 1
         0 ok write 1
         1 invoke write 3
         1 info write 3
         0 invoke read
         0 ok read 3
         0 invoke write 2
         0 ok write 2
         0 invoke read
         0 ok read 3",
        expect![[r#"
            key 0 is not linearizable: read 3 (process 0, 8.000–9.000 ms) has no place. The register held 2, and every unanswered operation that could have changed it in time had to take effect before.
            These operations, the first on the key, cannot be ordered:
                ├─┤              write 1  process 0, 0.000–1.000 ms
                    ├─┤          read 3   process 0, 4.000–5.000 ms
                        ├─┤      write 2  process 0, 6.000–7.000 ms
                            ├─┤  read 3   process 0, 8.000–9.000 ms  <- no place
            even if these took effect at any time, or not at all:
                write 3  process 1, 2.000 ms, unanswered
        "#]],
    );
}

#[test]
fn two_writes_without_an_answer_may_take_effect_one_after_the_other() {
    passes(
        "0 invoke write 1
         0 ok write 1
         1 invoke write 3
         1 info write 3
         2 invoke write 3
         2 info write 3
         0 invoke read
         0 ok read 3
         0 invoke write 2
         0 ok write 2
         0 invoke read
         0 ok read 3",
    );
}

#[test]
fn a_split_brain_is_caught() {
    caught(
        "0 invoke write 1
         1 invoke write 2
         0 ok write 1
         1 ok write 2
         0 invoke read
         1 invoke read
         0 ok read 1
         1 ok read 2
         0 invoke read
         1 invoke read
         0 ok read 1
         1 ok read 2",
        expect![[r#"
            key 0 is not linearizable: read 2 (process 1, 5.000–7.000 ms) has no place: the register could only hold 1.
            Whatever the register held before, these cannot be ordered:
                ├───┤    read 1  process 0, 4.000–6.000 ms
                  ├───┤  read 2  process 1, 5.000–7.000 ms  <- no place
        "#]],
    );
}

#[test]
fn two_readers_that_change_their_minds_in_the_same_direction_pass() {
    passes(
        "2 invoke write 2
         0 invoke write 1
         0 ok write 1
         0 invoke read
         1 invoke read
         0 ok read 1
         1 ok read 2
         2 ok write 2
         0 invoke read
         1 invoke read
         0 ok read 2
         1 ok read 2",
    );
}

#[test]
fn a_read_from_the_future_is_caught() {
    caught(
        "0 invoke read
         0 ok read 1
         1 invoke write 1
         1 ok write 1",
        expect![[r#"
            key 0 is not linearizable: read 1 (process 0, 0.000–1.000 ms) has no place: the register could only hold nil.
            Only later, at 2.000 ms, process 1 is the first to set it to 1: write 1.
            These operations, the first on the key, cannot be ordered:
                ├─┤  read 1  process 0, 0.000–1.000 ms  <- no place
        "#]],
    );
}

#[test]
fn a_read_may_see_a_write_that_is_under_way() {
    passes(
        "1 invoke write 1
         0 invoke read
         0 ok read 1
         1 ok write 1",
    );
}

#[test]
fn a_value_from_nowhere_is_caught() {
    caught(
        "0 invoke write 1
         0 ok write 1
         1 invoke cas [1 2]
         0 invoke read
         0 ok read \"1\"
         1 info cas [1 2]",
        expect![[r#"
            key 0 is not linearizable: read "1" (process 0, 3.000–4.000 ms) has no place: the register could only hold 1 or 2.
            No operation sets it to "1".
            These operations, the first on the key, cannot be ordered:
                ├─┤      write 1   process 0, 0.000–1.000 ms
                    ├─┤  read "1"  process 0, 3.000–4.000 ms  <- no place
        "#]],
    );
}

#[test]
fn a_read_of_nil_fits_every_state() {
    passes(
        "0 invoke read
         0 ok read nil
         0 invoke write 1
         0 ok write 1
         0 invoke read
         0 ok read nil",
    );
}

#[test]
fn a_cas_from_nil_fits_only_the_untouched_register() {
    passes(
        "0 invoke cas [nil 1]
         0 ok cas [nil 1]",
    );
    let again = "0 invoke cas [nil 1]
         0 ok cas [nil 1]
         0 invoke cas [nil 1]
         0 ok cas [nil 1]";
    assert_eq!(verdict(again), Verdict::Invalid);
}

/// Reads flicker for ever, but each value is explained by its own unanswered operation.
#[test]
fn a_chain_of_unanswered_cas_explains_what_no_single_one_does() {
    let chain = |read: &str| {
        format!(
            "0 invoke write 1
             0 ok write 1
             1 invoke cas [2 3]
             1 info cas [2 3]
             2 invoke cas [1 2]
             2 info cas [1 2]
             0 invoke read
             0 ok read 3
             0 invoke read
             0 ok read {read}"
        )
    };
    passes(&chain("3"));
    assert_eq!(verdict(&chain("2")), Verdict::Invalid);
}

#[test]
fn an_operation_that_is_still_under_way_at_the_end_is_as_one_without_an_answer() {
    passes(
        "0 invoke write 1
         1 invoke read
         1 ok read 1",
    );
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

/// The default budget is enough for long histories, and for one key that holds all of them.
#[test]
fn ten_thousand_operations_on_one_key_are_decided() {
    for (processes, values, unanswered) in
        [(10, 5, 0.03), (20, 5, 0.03), (10, 1000, 0.03), (20, 5, 0.0)]
    {
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
