//! Where the rules end: what is not compared, what cannot be judged, and how lag is measured.

use std::time::Duration;

use super::{analysis, errors};
use crate::check::{Analysis, Verdict};
use crate::edn::Value;

/// Three messages, of which process 1 polled the first; process 2 polls them all.
fn after_the_first_poll(rest: &str) -> String {
    format!(
        r#"0 ok send [[:send "x" [0 7]]]
           0 ok send [[:send "x" [1 8]]]
           0 ok send [[:send "x" [2 9]]]
           2 ok poll [[:poll {{"x" [[0 7] [1 8] [2 9]]}}]]
           1 ok assign ["x"]
           1 ok poll [[:poll {{"x" [[0 7]]}}]]
           {rest}"#
    )
}

#[test]
fn gaps_between_offsets_are_no_skips() {
    let history = after_the_first_poll(r#"1 ok poll [[:poll {"x" [[1 8]]}]]"#)
        .replace("[1 8]", "[1700000000001 8]")
        .replace("[2 9]", "[1800000000000 9]");
    assert_eq!(errors(&history), "");
}

#[test]
fn an_assignment_keeps_the_positions_of_keys_that_stay_assigned() {
    let assigned = |kind: &str, keys: &str| {
        errors(&after_the_first_poll(&format!(
            "1 {kind} assign {keys}\n 1 ok poll [[:poll {{\"x\" [[2 9]]}}]]"
        )))
    };
    assert_eq!(assigned("ok", r#"["y" "x"]"#), "poll-skip");
    assert_eq!(assigned("ok", r#"["y"]"#), "");
    assert_eq!(assigned("info", r#"["y"]"#), "");
    assert_eq!(assigned("fail", r#"["y"]"#), "poll-skip");
}

#[test]
fn an_assignment_keeps_the_positions_of_sends_as_well() {
    let sends = |keys: &str| {
        errors(&format!(
            r#"0 ok send [[:send "x" [1 8]]]
               0 ok assign {keys}
               0 ok send [[:send "x" [0 7]]]
               1 ok poll [[:poll {{"x" [[0 7] [1 8]]}}]]"#
        ))
    };
    assert_eq!(sends(r#"["x"]"#), "nonmonotonic-send");
    assert_eq!(sends(r#"["y"]"#), "");
}

#[test]
fn a_poll_that_fails_moves_no_process_and_one_that_comes_back_empty_forgets_its_place() {
    let then = |poll: &str| {
        let rest = format!("1 {poll}\n 1 ok poll [[:poll {{\"x\" [[2 9]]}}]]");
        errors(&after_the_first_poll(&rest))
    };
    assert_eq!(then("fail poll [[:poll]]"), "poll-skip");
    assert_eq!(then("ok poll [[:poll {}]]"), "poll-skip");
    assert_eq!(then(r#"ok poll [[:poll {"x" []}]]"#), "");
    assert_eq!(then(r#"ok poll [[:poll {"x" nil}]]"#), "");
}

#[test]
fn another_process_starts_anywhere() {
    let rest = r#"1 info crash nil
                  6 ok poll [[:poll {"x" [[2 9]]}]]"#;
    assert_eq!(errors(&after_the_first_poll(rest)), "");
}

#[test]
fn a_send_without_a_known_offset_proves_nothing_about_the_order() {
    let history = r#"0 ok send [[:send "x" [1 8]]]
                     0 info send [[:send "x" 7]]
                     1 ok poll [[:poll {"x" [[1 8]]}]]"#;
    assert_eq!(errors(history), "");
    let polled = format!("{history}\n 2 ok poll [[:poll {{\"x\" [[0 7] [1 8]]}}]]");
    assert_eq!(errors(&polled), "nonmonotonic-send");
}

#[test]
fn of_several_messages_at_an_offset_the_one_stands_for_it_that_upstream_takes() {
    // In Clojure #{3 4} begins with 4: 3 has no place, so polls of it are not compared.
    let history = |message| {
        format!(
            r#"0 ok send [[:send "x" [0 1]]]
               0 ok send [[:send "x" [1 3]]]
               2 ok send [[:send "x" [1 4]]]
               2 ok send [[:send "x" [2 5]]]
               1 ok poll [[:poll {{"x" [[0 1] [1 3]]}}]]
               3 ok poll [[:poll {{"x" [[0 1] [1 4] [2 5]]}}]]
               4 ok poll [[:poll {{"x" [[2 5]]}}]]
               4 ok poll [[:poll {{"x" [{message}]}}]]"#
        )
    };
    assert_eq!(errors(&history("[1 3]")), "inconsistent-offsets");
    assert_eq!(
        errors(&history("[1 4]")),
        "inconsistent-offsets nonmonotonic-poll"
    );
}

#[test]
fn a_duplicate_makes_nothing_else_look_lost() {
    // 7 is at 0 and at 2, and 8 at 1: reading 7 does not prove that a reader passed 8.
    let history = r#"0 info txn [[:send "x" [1 8]] [:send "y" [0 1]]]
                     0 ok send [[:send "x" [0 7]]]
                     1 ok poll [[:poll {"x" [[2 7]], "y" [[0 1]]}]]"#;
    assert_eq!(errors(history), "duplicate");
}

#[test]
fn what_cannot_be_judged_is_unknown_and_says_why() {
    let send = r#"0 ok send [[:send "x" [0 7]]]"#;
    let cases = [
        (
            r#"1 ok poll [[:poll {"x" [[0 7] [1 8]]}]]"#,
            "message 8 of key \"x\" at offset 1",
        ),
        (
            r#"1 ok poll [[:poll {"x" [[0 7]], "y" [[0 7]]}]]"#,
            "message 7 of key \"y\"",
        ),
        (
            r#"1 ok poll [[:poll {"x" [[0 7]], "y" []}]]"#,
            "lists key \"y\" without messages",
        ),
        (r#"1 ok poll [[:poll {"x" [[-1 7]]}]]"#, "offset -1"),
        (r#"1 ok poll [[:poll {"x" [["0" 7]]}]]"#, "op 3 has a value"),
        (r#"1 ok poll [[:pull {}]]"#, "op 3 has a value"),
        (r#"1 ok assign "x""#, "op 3 has a value"),
    ];
    for (poll, reason) in cases {
        let analysis = analysis(&format!("{send}\n {poll}"));
        assert_eq!(analysis.verdict(), Verdict::Unknown, "{poll}");
        let explanation = analysis.explanation().unwrap();
        assert!(explanation.contains(reason), "{explanation}");
        assert!(analysis.to_edn().get("error").is_some());
    }
}

#[test]
fn an_empty_list_of_a_key_that_is_read_some_time_does_no_harm() {
    let history = r#"1 ok poll [[:poll {"x" []}]]
                     0 ok send [[:send "x" [0 7]]]
                     1 ok poll [[:poll {"x" [[0 7]]}]]"#;
    assert_eq!(errors(history), "");
}

#[test]
fn a_history_that_breaks_off_leaves_its_open_sends_possible() {
    let history = r#"0 invoke send [[:send "x" 7]]
                     1 ok poll [[:poll {"x" [[0 7]]}]]"#;
    assert_eq!(errors(history), "");
}

#[test]
fn the_worst_lag_is_from_the_proof_of_a_later_message_to_the_poll_that_missed_it() {
    // The second message is known from second 3 on; the poll that misses it begins at 8.
    let history = r#"0 ok send [[:send "x" [0 7]]]
                     0 ok send [[:send "x" [1000000000000 8]]]
                     1 ok assign ["x"]
                     1 ok poll [[:poll {"x" [[0 7]]}]]
                     1 ok poll [[:poll {}]]
                     1 ok poll [[:poll {"x" [[1000000000000 8]]}]]
                     1 ok poll [[:poll {}]]"#;
    let analysis = analysis(history);
    assert_eq!(analysis.worst_realtime_lag(), Duration::from_secs(5));
    let worst = Value::map([
        ("time", 8.0.into()),
        ("process", 1.into()),
        ("key", "x".into()),
        ("lag", 5.0.into()),
    ]);
    assert_eq!(analysis.to_edn().get("worst-realtime-lag"), Some(&worst));
}

#[test]
fn without_an_assignment_there_is_no_lag() {
    let history = "0 info send [[:send \"x\" 7]]\n 1 ok poll [[:poll {}]]\n 1 ok poll [[:poll {}]]";
    let analysis = analysis(history);
    assert_eq!(analysis.worst_lag(), None);
    assert_eq!(
        analysis
            .to_edn()
            .get("worst-realtime-lag")
            .unwrap()
            .to_string(),
        "{:lag 0.0, :time 0.0}"
    );
}
