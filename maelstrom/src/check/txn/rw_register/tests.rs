use expect_test::expect;

use super::super::testing::{assert_finds, concurrent, models, sequential};
use super::check;
use crate::check::txn::TxnAnalysis;
use crate::check::{Analysis, Verdict};
use crate::history::History;

fn under(model: &str, history: &History) -> TxnAnalysis {
    check(history, &models(&[model]))
}

/// What serializability forbids in transactions that ran all at once.
#[track_caller]
fn finds(txns: &[&str], anomalies: &[&str]) {
    assert_finds(&under("serializable", &concurrent(txns)), anomalies);
}

#[test]
fn circular_information_flow_is_a_g1c() {
    finds(&["[[:w x 1] [:r y 1]]", "[[:w y 1] [:r x 1]]"], &["G1c"]);
    finds(&["[[:w x 1] [:r y 1]]", "[[:w y 1] [:r x nil]]"], &[]);
}

#[test]
fn read_skew_is_a_g_single() {
    let write = "[[:w x 1] [:w y 1]]";
    finds(&[write, "[[:r x 1] [:r y nil]]"], &["G-single-item"]);
    finds(&[write, "[[:r x 1] [:r y 1]]"], &[]);
}

#[test]
fn versions_follow_each_other_where_they_were_read_before_a_write() {
    let (first, second) = ("[[:w x 1]]", "[[:r x 1] [:w x 2] [:w y 1]]");
    finds(&[first, second, "[[:r x 1] [:r y 1]]"], &["G-single-item"]);
    // A blind write may have come before or after.
    finds(&[first, "[[:w x 2] [:w y 1]]", "[[:r x 1] [:r y 1]]"], &[]);
}

#[test]
fn a_long_fork_is_nonadjacent() {
    let writes = ["[[:w x 1]]", "[[:w y 1]]"];
    let fork = ["[[:r x 1] [:r y nil]]", "[[:r x nil] [:r y 1]]"];
    finds(
        &[writes[0], writes[1], fork[0], fork[1]],
        &["G-nonadjacent-item"],
    );
    finds(&[writes[0], writes[1], fork[0], "[[:r x 1] [:r y 1]]"], &[]);
}

#[test]
fn write_skew_is_a_g2_which_snapshot_isolation_permits() {
    let skew = ["[[:r x nil] [:w y 1]]", "[[:r y nil] [:w x 1]]"];
    finds(&skew, &["G2-item"]);
    finds(&["[[:r x nil] [:w y 1]]", "[[:r y 1] [:w x 1]]"], &[]);
    assert_finds(&under("snapshot-isolation", &concurrent(&skew)), &[]);
}

#[test]
fn two_writes_over_one_version_are_a_lost_update() {
    let first = "[[:r x nil] [:w x 1]]";
    finds(
        &[first, "[[:r x nil] [:w x 2]]"],
        &["G2-item", "lost-update"],
    );
    finds(&[first, "[[:r x 1] [:w x 2]]"], &[]);
}

#[test]
fn an_aborted_read_is_a_g1a_unless_the_outcome_is_unknown() {
    let other = "[[:w y 1]]";
    let reads = "[[:r y 1] [:r x 1]]";
    finds(&["fail [[:w x 1]]", other, reads], &["G1a"]);
    finds(&["info [[:w x 1]]", other, reads], &[]);
}

#[test]
fn an_intermediate_read_is_a_g1b() {
    let (write, other) = ("[[:w x 1] [:w x 2]]", "[[:w y 1]]");
    finds(&[write, other, "[[:r y 1] [:r x 1]]"], &["G1b"]);
    finds(&[write, other, "[[:r y 1] [:r x 2]]"], &[]);
}

#[test]
fn a_transaction_must_agree_with_itself() {
    let before = "[[:w x 1]]";
    finds(&[before, "[[:r x 1] [:w x 2] [:r x 1]]"], &["internal"]);
    finds(&[before, "[[:r x 1] [:w x 2] [:r x 2]]"], &[]);
    finds(&[before, "[[:r x 1] [:r x nil]]"], &["internal"]);
    finds(&[before, "[[:r x nil] [:r x 1]]"], &["internal"]);
    finds(&[before, "[[:r x nil] [:r x nil]]"], &[]);
    finds(&[before, "[[:r x nil] [:w x 2] [:r x 2]]"], &[]);
}

#[test]
fn versions_in_a_circle_are_an_anomaly_and_tell_no_order() {
    let circle = ["[[:r x 2] [:w x 1]]", "[[:r x 1] [:w x 2]]"];
    finds(&circle, &["G1c", "cyclic-versions"]);
    finds(&["[[:r x nil] [:w x 1]]", "[[:r x 1] [:w x 2]]"], &[]);

    // Of other keys, too, only the initial versions are then known to come first.
    let lost = ["[[:w y 1]]", "[[:r y 1] [:w y 2]]", "[[:r y 1] [:w y 3]]"];
    finds(&lost, &["G2-item", "lost-update"]);
    finds(
        &[&lost[..], &circle].concat(),
        &["G1c", "cyclic-versions", "lost-update"],
    );
}

#[test]
fn a_stale_read_contradicts_real_time_only() {
    let stale = sequential(&[(0, "[[:w x 1]]"), (1, "[[:r x nil]]")]);
    assert_finds(
        &under("strict-serializable", &stale),
        &["G-single-item-realtime"],
    );
    let fresh = sequential(&[(0, "[[:w x 1]]"), (1, "[[:r x 1]]")]);
    assert_finds(&under("strict-serializable", &fresh), &[]);
    assert_finds(&under("serializable", &stale), &[]);
}

#[test]
fn transactions_that_share_nothing_are_invalid() {
    let empty = under("serializable", &concurrent(&["[[:w x 1]]", "[[:w y 1]]"]));
    assert_finds(&empty, &["empty-transaction-graph"]);
}

#[test]
fn a_valid_history_says_that_there_are_no_anomalies() {
    let valid = under("serializable", &concurrent(&["[[:w x 1]]", "[[:r x 1]]"]));
    expect![[r#"{:anomalies nil, :anomaly-types (), :valid? true}"#]]
        .assert_eq(&valid.to_edn().to_string());
}

#[test]
fn a_value_that_two_transactions_wrote_gives_no_verdict_once_it_is_read() {
    let writes = ["[[:w x 1]]", "[[:w x 1]]"];
    let read = under(
        "serializable",
        &concurrent(&[writes[0], writes[1], "[[:r x 1]]"]),
    );
    assert_eq!(read.verdict(), Verdict::Unknown);
    assert!(!read.aborts_run());
    let why = expect![
        "1, which was read from x, was written to it by several transactions: operations 3, 4"
    ];
    why.assert_eq(&read.explanation().expect("an explanation"));
    finds(&[writes[0], writes[1], "[[:r x nil]]"], &[]);
}

#[test]
fn a_value_from_nowhere_is_no_anomaly_of_its_own() {
    finds(&["[[:w x 1]]", "[[:r x 1]]", "[[:r x 99]]"], &[]);
}

#[test]
fn a_cycle_is_explained_link_by_link() {
    let history = sequential(&[(0, "[[:w x 1]]"), (1, "[[:r x nil] [:w x 2]]")]);
    let text = under("strict-serializable", &history)
        .explanation()
        .expect("an explanation");
    expect![[r#"
        G-single-item-realtime: a cycle with one anti-dependency
          T1 = [[:w x 1]] (operation 1, process 0)
          T2 = [[:r x nil] [:w x 2]] (operation 3, process 1)
          T1 < T2 because T1 had ended at 0.001 s, before T2 began at 0.002 s;
          but T2 < T1 because T2 read x as nil, over which T1 wrote 1: a contradiction"#]]
    .assert_eq(&text);
}
