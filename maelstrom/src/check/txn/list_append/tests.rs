use expect_test::expect;

use super::super::testing::{assert_finds, concurrent, models};
use super::check;
use crate::check::txn::TxnAnalysis;
use crate::check::{Analysis, Verdict};
use crate::history::History;

mod models;

fn under(model: &str, history: &History) -> TxnAnalysis {
    check(history, &models(&[model]))
}

/// What serializability forbids in transactions that ran all at once.
#[track_caller]
fn finds(txns: &[&str], anomalies: &[&str]) {
    assert_finds(&under("serializable", &concurrent(txns)), anomalies);
}

#[test]
fn dirty_writes_are_a_g0() {
    let (t1, t2) = (
        "[[:append x 1] [:append y 1]]",
        "[[:append x 2] [:append y 2]]",
    );
    finds(&[t1, t2, "[[:r x [1 2]]]", "[[:r y [2 1]]]"], &["G0"]);
    finds(&[t1, t2, "[[:r x [1 2]]]", "[[:r y [1 2]]]"], &[]);
}

#[test]
fn circular_information_flow_is_a_g1c() {
    finds(
        &["[[:append x 1] [:r y [1]]]", "[[:append y 1] [:r x [1]]]"],
        &["G1c"],
    );
    finds(
        &["[[:append x 1] [:r y [1]]]", "[[:append y 1] [:r x nil]]"],
        &[],
    );
}

#[test]
fn read_skew_is_a_g_single() {
    let write = "[[:append x 1] [:append y 1]]";
    finds(&[write, "[[:r x [1]] [:r y nil]]"], &["G-single-item"]);
    finds(&[write, "[[:r x [1]] [:r y [1]]]"], &[]);
    finds(&[write, "[[:r x nil] [:r y nil]]"], &[]);
}

#[test]
fn a_long_fork_is_nonadjacent() {
    let writes = ["[[:append x 1]]", "[[:append y 1]]"];
    let fork = ["[[:r x [1]] [:r y nil]]", "[[:r x nil] [:r y [1]]]"];
    finds(
        &[writes[0], writes[1], fork[0], fork[1]],
        &["G-nonadjacent-item"],
    );
    finds(
        &[writes[0], writes[1], fork[0], "[[:r x [1]] [:r y [1]]]"],
        &[],
    );
}

#[test]
fn write_skew_is_a_g2_which_snapshot_isolation_permits() {
    let skew = ["[[:r x nil] [:append y 1]]", "[[:r y nil] [:append x 1]]"];
    finds(&skew, &["G2-item"]);
    finds(
        &["[[:r x nil] [:append y 1]]", "[[:r y [1]] [:append x 1]]"],
        &[],
    );
    let permitted = under("snapshot-isolation", &concurrent(&skew));
    assert_finds(&permitted, &[]);
    assert!(permitted.boundary().not.contains("repeatable-read"));
}

#[test]
fn a_lost_update_is_also_a_read_skew() {
    let first = "[[:r x nil] [:append x 1]]";
    let seen = "[[:r x [1 2]]]";
    finds(
        &[first, "[[:r x nil] [:append x 2]]", seen],
        &["G-single-item", "lost-update"],
    );
    finds(&[first, "[[:r x [1]] [:append x 2]]", seen], &[]);
}

#[test]
fn only_a_read_before_the_write_can_lose_an_update() {
    let first = "[[:r x nil] [:append x 1]]";
    let blind = under(
        "cursor-stability",
        &concurrent(&[first, "[[:append x 2] [:r x nil]]"]),
    );
    assert!(!blind.anomaly_types().contains(&"lost-update"));
    let second = "[[:append x 2] [:r x nil] [:append x 3]]";
    let updated = under("cursor-stability", &concurrent(&[first, second]));
    assert!(updated.anomaly_types().contains(&"lost-update"));
}

#[test]
fn an_aborted_read_is_a_g1a_unless_the_outcome_is_unknown() {
    let others = ["[[:append y 1]]", "[[:r y [1]]]"];
    finds(
        &[&others[..], &["fail [[:append x 1]]", "[[:r x [1]]]"]].concat(),
        &["G1a"],
    );
    finds(
        &[&others[..], &["info [[:append x 1]]", "[[:r x [1]]]"]].concat(),
        &[],
    );
}

#[test]
fn an_intermediate_read_is_a_g1b() {
    let write = "[[:append x 1] [:append x 2]]";
    finds(&[write, "[[:r x [1]]]"], &["G-single-item", "G1b"]);
    finds(&[write, "[[:r x [1 2]]]"], &[]);
    finds(
        &["[[:append x 1] [:r x [1]] [:append x 2]]", "[[:r x [1 2]]]"],
        &[],
    );
}

#[test]
fn an_append_after_a_failed_one_is_a_dirty_update() {
    let read = "[[:r x [1 2 3]]]";
    let [one, two, three] = ["[[:append x 1]]", "[[:append x 2]]", "[[:append x 3]]"];
    let fails = |txn| format!("fail {txn}");
    finds(&[one, &fails(two), three, read], &["G1a", "dirty-update"]);
    finds(&[one, two, &fails(three), read], &["G1a"]);
    finds(&[one, two, three, read], &[]);
}

#[test]
fn an_element_in_a_list_twice_is_a_duplicate() {
    finds(
        &["[[:append x 1]]", "[[:r x [1 1]]]"],
        &["duplicate-elements"],
    );
    finds(&["[[:append x 1]]", "[[:r x [1]]]"], &[]);
}

#[test]
fn lists_that_are_no_prefixes_of_each_other_are_incompatible() {
    let appends = ["[[:append x 1]]", "[[:append x 2]]"];
    let [a, b] = appends;
    finds(
        &[a, b, "[[:r x [1]]]", "[[:r x [2 1]]]"],
        &["incompatible-order"],
    );
    finds(&[a, b, "[[:r x [2]]]", "[[:r x [2 1]]]"], &[]);
}

#[test]
fn a_read_of_own_later_appends_is_a_future_read() {
    finds(
        &["[[:r x [1]] [:append x 1]]"],
        &["empty-transaction-graph", "future-read"],
    );
    finds(&["[[:append x 1] [:r x [1]]]", "[[:r x [1]]]"], &[]);
}

#[test]
fn a_transaction_must_agree_with_itself() {
    let before = "[[:append x 1]]";
    finds(
        &[before, "[[:r x [1]] [:append x 2] [:r x [1]]]"],
        &["internal"],
    );
    finds(&[before, "[[:r x [1]] [:append x 2] [:r x [1 2]]]"], &[]);
    // Without a read, only the end of the list is known.
    finds(&[before, "[[:append x 2] [:r x [1]]]"], &["internal"]);
    finds(&[before, "[[:append x 2] [:r x [1 2]]]"], &[]);
    // A key that changes from empty is also read skew.
    finds(
        &[before, "[[:r x nil] [:r x [1]]]"],
        &["G-single-item", "internal"],
    );
}

#[test]
fn appends_that_nobody_read_come_after_the_longest_list() {
    let (first, skew) = ("[[:append x 1]]", "[[:append x 2] [:append y 1]]");
    let (reads, again) = ("[[:r x [1]] [:r y [1]]]", "[[:r x [1]] [:r y nil]]");
    finds(&[first, skew, reads], &["G-single-item"]);
    finds(&[first, skew, again], &[]);
}

#[test]
fn transactions_that_share_nothing_cannot_be_judged() {
    let empty = under(
        "serializable",
        &concurrent(&["[[:append x 1]]", "[[:append y 1]]"]),
    );
    assert_eq!(empty.verdict(), Verdict::Unknown);
    let results = expect![[r#"
        {:also-not #{},
         :anomalies {:empty-transaction-graph true},
         :anomaly-types (:empty-transaction-graph),
         :not #{},
         :valid? :unknown}"#]];
    results.assert_eq(&format!("{:#}", empty.to_edn()));
}

#[test]
fn an_element_from_nowhere_takes_the_whole_run_down_if_reads_agree_on_it() {
    let phantom = under(
        "serializable",
        &concurrent(&["[[:append x 1]]", "[[:r x [1 7]]]"]),
    );
    assert_eq!(phantom.verdict(), Verdict::Unknown);
    assert!(phantom.aborts_run());
    let why = expect!["nobody appended 7 to x, which was read as [1 7]"];
    why.assert_eq(&phantom.explanation().expect("an explanation"));

    let disputed = concurrent(&["[[:append x 1]]", "[[:r x [1 7]]]", "[[:r x [7 1]]]"]);
    let disputed = under("serializable", &disputed);
    assert_eq!(disputed.verdict(), Verdict::Invalid);
    assert!(disputed.anomaly_types().contains(&"incompatible-order"));
}

#[test]
fn what_is_no_transaction_of_lists_gives_no_verdict() {
    for txn in ["[[:w x 1]]", "[[:r x]]", "[[:r x 5]]"] {
        let analysis = under("serializable", &concurrent(&[txn]));
        assert_eq!(analysis.verdict(), Verdict::Unknown, "{txn}");
    }
}

#[test]
fn a_cycle_is_explained_link_by_link() {
    let history = concurrent(&[
        "[[:r x nil] [:append x 1]]",
        "[[:r x nil] [:append x 2]]",
        "[[:r x [1 2]]]",
    ]);
    let text = under("repeatable-read", &history)
        .explanation()
        .expect("an explanation");
    expect![[r#"
        lost-update: several transactions replaced one and the same version
          each of these read x as nil and then wrote it:
          [[:r x nil] [:append x 1]] (operation 3)
          [[:r x nil] [:append x 2]] (operation 4)
        G-single-item: a cycle with one anti-dependency
          T1 = [[:r x nil] [:append x 1]] (operation 3, process 0)
          T2 = [[:r x nil] [:append x 2]] (operation 4, process 1)
          T1 < T2 because T1 appended 1 to x and T2 appended 2 after it;
          but T2 < T1 because T2 read x as empty, without the 1 that T1 appended: a contradiction"#]]
    .assert_eq(&text);
}
