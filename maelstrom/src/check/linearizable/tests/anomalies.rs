//! Every anomaly is caught, and its near twin passes.

use expect_test::{Expect, expect};

use super::history;
use crate::check::linearizable::check;
use crate::check::{Analysis, Verdict};

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
            The 2 operations on the key that ended before it can be ordered.
            The last to set it to 1 had been write 1 (process 0, 0.000–1.000 ms).
            Whatever the register held before, these operations cannot be ordered:
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
            The 2 operations on the key that ended before it can be ordered.
            The last to set it to 1 had been write 1 (process 0, 0.000–1.000 ms).
            Whatever the register held before, these operations cannot be ordered:
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
            The operation on the key that ended before it can be ordered.
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
            The 3 operations on the key that ended before it can be ordered.
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
            The 3 operations on the key that ended before it can be ordered.
            The last to set it to 2 had been write 2 (process 1, 1.000–3.000 ms).
            Whatever the register held before, these operations cannot be ordered:
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
            The operation on the key that ended before it can be ordered.
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
