//! For each type of error: a history that must be caught, and a near-twin that must pass.

use super::{analysis, errors};
use crate::check::{Analysis, Verdict};

fn caught(expected: &str, text: &str) {
    assert_eq!(errors(text), expected);
    assert_eq!(analysis(text).verdict(), Verdict::Invalid);
}

fn passes(text: &str) {
    assert_eq!(errors(text), "");
    assert_eq!(analysis(text).verdict(), Verdict::Valid);
}

#[test]
fn a_message_has_one_offset() {
    caught(
        "duplicate",
        r#"0 ok send [[:send "x" [1 7]]]
           1 ok poll [[:poll {"x" [[0 7]]}]]"#,
    );
    passes(
        r#"0 ok send [[:send "x" [1 7]]]
           1 ok poll [[:poll {"x" [[1 7]]}]]"#,
    );
}

#[test]
fn an_offset_has_one_message() {
    caught(
        "inconsistent-offsets",
        r#"0 ok send [[:send "x" [0 7]]]
           0 ok send [[:send "x" [0 8]]]
           1 ok poll [[:poll {"x" [[0 7]]}]]
           2 ok poll [[:poll {"x" [[0 8]]}]]"#,
    );
    passes(
        r#"0 ok send [[:send "x" [0 7]]]
           0 ok send [[:send "y" [0 8]]]
           1 ok poll [[:poll {"x" [[0 7]]}]]
           2 ok poll [[:poll {"y" [[0 8]]}]]"#,
    );
}

#[test]
fn a_message_whose_send_failed_must_not_be_polled() {
    caught(
        "G1a",
        r#"0 fail send [[:send "x" 7]]
           1 ok poll [[:poll {"x" [[0 7]]}]]"#,
    );
    passes(
        r#"0 info send [[:send "x" 7]]
           1 ok poll [[:poll {"x" [[0 7]]}]]"#,
    );
}

#[test]
fn a_transaction_must_not_poll_its_own_message() {
    caught(
        "precommitted-read",
        r#"0 ok txn [[:send "x" [0 7]] [:poll {"x" [[0 7]]}]]
           1 ok poll [[:poll {"x" [[0 7]]}]]"#,
    );
    passes(
        r#"0 ok txn [[:send "x" [0 7]] [:poll {}]]
           1 ok poll [[:poll {"x" [[0 7]]}]]"#,
    );
}

#[test]
fn a_message_below_one_that_was_read_must_have_been_read() {
    caught(
        "lost-write unseen",
        r#"0 ok send [[:send "x" [0 7]]]
           0 ok send [[:send "x" [1 8]]]
           1 ok poll [[:poll {"x" [[1 8]]}]]"#,
    );
    passes(
        r#"0 ok send [[:send "x" [0 7]]]
           0 ok send [[:send "x" [1 8]]]
           1 ok poll [[:poll {"x" [[1 8]]}]]
           2 ok poll [[:poll {"x" [[0 7]]}]]"#,
    );
}

#[test]
fn a_send_of_unknown_outcome_is_lost_only_if_it_took_effect() {
    let poll = r#"1 ok poll [[:poll {"x" [[1 8]], "y" [[0 1]]}]]"#;
    caught(
        "lost-write",
        &format!(
            r#"0 ok send [[:send "x" [1 8]]]
               2 info txn [[:send "x" [0 7]] [:send "y" [0 1]]]
               {poll}"#
        ),
    );
    passes(&format!(
        r#"0 ok txn [[:send "x" [1 8]] [:send "y" [0 1]]]
           2 info txn [[:send "x" [0 7]]]
           {poll}"#
    ));
}

#[test]
fn a_process_must_not_poll_past_messages() {
    let sends = r#"0 ok send [[:send "x" [0 7]]]
                   0 ok send [[:send "x" [1 8]]]
                   0 ok send [[:send "x" [2 9]]]
                   1 ok poll [[:poll {"x" [[0 7]]}]]"#;
    let others = r#"2 ok poll [[:poll {"x" [[0 7] [1 8] [2 9]]}]]"#;
    caught(
        "poll-skip",
        &format!("{sends}\n 1 ok poll [[:poll {{\"x\" [[2 9]]}}]]\n {others}"),
    );
    passes(&format!(
        "{sends}\n 1 ok poll [[:poll {{\"x\" [[1 8] [2 9]]}}]]\n {others}"
    ));
}

#[test]
fn a_process_must_not_poll_a_message_again() {
    let start = r#"0 ok send [[:send "x" [0 7]]]
                   0 ok send [[:send "x" [1 8]]]
                   1 ok poll [[:poll {"x" [[0 7] [1 8]]}]]"#;
    let again = |message| format!("{start}\n 1 ok poll [[:poll {{\"x\" [{message}]}}]]");
    caught("nonmonotonic-poll", &again("[1 8]"));
    caught("nonmonotonic-poll", &again("[0 7] [1 8]"));
    passes(&again(""));
    passes(&again("[1 8]").replace(
        "1 ok poll [[:poll {\"x\" [[1 8]]",
        "2 ok poll [[:poll {\"x\" [[1 8]]",
    ));
}

#[test]
fn a_poll_must_not_leave_out_messages() {
    let sends = r#"0 ok send [[:send "x" [0 7]]]
                   0 ok send [[:send "x" [1 8]]]
                   0 ok send [[:send "x" [2 9]]]
                   2 ok poll [[:poll {"x" [[1 8]]}]]"#;
    caught(
        "int-poll-skip",
        &format!("{sends}\n 1 ok poll [[:poll {{\"x\" [[0 7] [2 9]]}}]]"),
    );
    passes(&format!(
        "{sends}\n 1 ok poll [[:poll {{\"x\" [[0 7] [1 8] [2 9]]}}]]"
    ));
}

#[test]
fn a_poll_must_be_in_the_order_of_the_log() {
    let sends = r#"0 ok send [[:send "x" [0 7]]]
                   0 ok send [[:send "x" [1 8]]]"#;
    let poll = |messages| format!("{sends}\n 1 ok poll [[:poll {{\"x\" [{messages}]}}]]");
    caught("int-nonmonotonic-poll", &poll("[1 8] [0 7]"));
    caught("int-nonmonotonic-poll", &poll("[0 7] [0 7] [1 8]"));
    passes(&poll("[0 7] [1 8]"));
}

#[test]
fn a_process_must_send_in_the_order_of_the_log() {
    let poll = r#"1 ok poll [[:poll {"x" [[0 7] [1 8]]}]]"#;
    let sends = |second| {
        format!("0 ok send [[:send \"x\" [1 8]]]\n {second} ok send [[:send \"x\" [0 7]]]\n {poll}")
    };
    caught("nonmonotonic-send", &sends(0));
    passes(&sends(2));
}

#[test]
fn a_transaction_must_send_in_the_order_of_the_log() {
    let poll = r#"1 ok poll [[:poll {"x" [[0 7] [1 8]]}]]"#;
    let txn = |sends| format!("0 ok txn [{sends}]\n {poll}");
    caught(
        "int-nonmonotonic-send",
        &txn(r#"[:send "x" [1 8]] [:send "x" [0 7]]"#),
    );
    passes(&txn(r#"[:send "x" [0 7]] [:send "x" [1 8]]"#));
}

#[test]
fn sends_of_others_between_those_of_a_transaction_are_reported_but_allowed() {
    let history = r#"0 ok txn [[:send "x" [0 7]] [:send "x" [2 9]]]
                     1 ok send [[:send "x" [1 8]]]
                     2 ok poll [[:poll {"x" [[0 7] [1 8] [2 9]]}]]"#;
    assert_eq!(errors(history), "int-send-skip");
    assert_eq!(analysis(history).verdict(), Verdict::Valid);
    passes(
        &history
            .replace("[2 9]", "[3 9]")
            .replace("[1 8]", "[4 8]")
            .replace("[[0 7] [4 8] [3 9]]", "[[0 7] [3 9] [4 8]]"),
    );
}

#[test]
fn a_message_must_not_be_polled_before_its_send_begins() {
    caught(
        "G1c-realtime strong-PL-2-cycle-exists",
        r#"1 ok poll [[:poll {"x" [[0 7]]}]]
           0 ok send [[:send "x" [0 7]]]"#,
    );
    caught(
        "G1c-realtime strong-PL-2-cycle-exists",
        r#"1 ok poll [[:poll {"x" [[0 7]]}]]
           0 info send [[:send "x" 7]]"#,
    );
    passes(
        r#"0 invoke send [[:send "x" 7]]
           1 ok poll [[:poll {"x" [[0 7]]}]]
           0 ok send [[:send "x" [0 7]]]"#,
    );
}

#[test]
fn a_message_must_not_come_from_the_future_by_way_of_a_transaction() {
    // 2 polled what 1 sent after it had polled what 0 sent, and 2 was over before 0 began.
    let history = |polls_first| {
        let (before, after) = if polls_first {
            (POLL, SEND)
        } else {
            (SEND, POLL)
        };
        format!(
            r#"1 invoke txn []
               {before}
               {after}
               1 ok txn [[:poll {{"x" [[0 7]]}}] [:send "y" [0 8]]]"#
        )
    };
    const SEND: &str = r#"0 ok send [[:send "x" [0 7]]]"#;
    const POLL: &str = r#"2 ok poll [[:poll {"y" [[0 8]]}]]"#;
    caught("G1c-realtime strong-PL-2-cycle-exists", &history(true));
    passes(&history(false));
    let explanation = analysis(&history(true)).explanation().unwrap();
    assert_eq!(explanation.matches(" polled").count(), 2, "{explanation}");
}

#[test]
fn transactions_must_not_poll_from_each_other() {
    let invoked = "0 invoke txn []\n 1 invoke txn []\n";
    caught(
        "G1c PL-2-cycle-exists",
        &format!(
            r#"{invoked}
               0 ok txn [[:send "x" [0 7]] [:poll {{"y" [[0 1]]}}]]
               1 ok txn [[:send "y" [0 1]] [:poll {{"x" [[0 7]]}}]]"#
        ),
    );
    passes(&format!(
        r#"{invoked}
           0 ok txn [[:send "x" [0 7]] [:poll {{}}]]
           1 ok txn [[:send "y" [0 1]] [:poll {{"x" [[0 7]]}}]]
           2 ok poll [[:poll {{"y" [[0 1]]}}]]"#
    ));
}

#[test]
fn transactions_may_send_to_two_keys_in_opposite_orders() {
    passes(
        r#"0 ok txn [[:send "x" [0 7]] [:send "y" [1 8]]]
           1 ok txn [[:send "x" [1 6]] [:send "y" [0 9]]]
           2 ok poll [[:poll {"x" [[0 7] [1 6]], "y" [[0 9] [1 8]]}]]"#,
    );
}

#[test]
fn a_run_in_which_nothing_depends_on_anything_tests_nothing() {
    caught(
        "empty-transaction-graph",
        r#"0 fail send [[:send "x" 7]]
           1 fail poll [[:poll]]"#,
    );
    caught("empty-transaction-graph", "0 info crash nil");
    passes(
        r#"0 ok poll [[:poll {}]]
           1 fail send [[:send "x" 7]]"#,
    );
    passes("");
}

#[test]
fn an_acknowledged_message_must_be_polled_by_the_end() {
    let send = r#"0 ok send [[:send "x" [0 7]]]"#;
    caught("unseen", &format!("{send}\n 1 ok poll [[:poll {{}}]]"));
    caught(
        "unseen",
        &format!("{send}\n 1 info poll [[:poll {{\"x\" [[0 7]]}}]]"),
    );
    passes(&format!("{send}\n 1 ok poll [[:poll {{\"x\" [[0 7]]}}]]"));
    passes("0 info send [[:send \"x\" 7]]\n 1 ok poll [[:poll {}]]\n 1 ok poll [[:poll {}]]");
}
