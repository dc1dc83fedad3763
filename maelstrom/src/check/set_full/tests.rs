use super::*;
use crate::check::tests::{history, value};
use crate::check::{Analysis, Verdict};

fn analyse(text: &str) -> SetAnalysis {
    check(&history(text), "add")
}

/// What became of the single element of a history, and its latency in ms.
fn fate(text: &str) -> (Outcome, Option<u128>) {
    let analysis = analyse(text);
    assert_eq!(analysis.attempt_count, 1);
    let latency = |latency: Option<Duration>| latency.map(|latency| latency.as_millis());
    if analysis.stable_count == 1 {
        (Outcome::Stable, latency(analysis.stable_latency(1.0)))
    } else if !analysis.lost.is_empty() {
        (Outcome::Lost, latency(analysis.lost_latency(1.0)))
    } else {
        (Outcome::NeverRead, None)
    }
}

const ADDED: &str = "0 invoke add 5
                     0 ok add 5\n";

#[test]
fn an_element_that_the_last_read_shows_is_stable() {
    let read = "1 invoke read nil\n1 ok read [5]";
    assert_eq!(fate(&format!("{ADDED}{read}")), (Outcome::Stable, Some(0)));
}

#[test]
fn an_element_that_the_last_read_misses_is_lost() {
    let read = "1 invoke read nil\n1 ok read []";
    assert_eq!(fate(&format!("{ADDED}{read}")), (Outcome::Lost, Some(0)));
}

#[test]
fn a_read_that_misses_an_element_delays_its_stability_and_no_more() {
    // Known at 10 ms; the read that misses it begins at 20 ms.
    let text = format!(
        "{ADDED}1 invoke read nil
         1 ok read []
         1 invoke read nil
         1 ok read [5]"
    );
    assert_eq!(fate(&text), (Outcome::Stable, Some(10)));
    let analysis = analyse(&text);
    assert_eq!(analysis.verdict(), Verdict::Valid);
    assert_eq!(analysis.explanation(), None);
    assert_eq!(
        analysis.to_edn(),
        value(
            "{:valid? true, :attempt-count 1, :stable-count 1, :lost-count 0, :lost (),
              :never-read-count 0, :never-read (), :stale-count 1, :stale (5),
              :duplicated-count 0, :duplicated {},
              :stable-latencies {0 10, 0.5 10, 0.95 10, 0.99 10, 1 10},
              :worst-stale ({:element 5, :outcome :stable, :stable-latency 10, :lost-latency nil,
                  :known #jepsen.history.Op{:index 1, :time 10000000, :type :ok, :process 0,
                                            :f :add, :value 5},
                  :last-absent #jepsen.history.Op{:index 2, :time 20000000, :type :invoke,
                                                  :process 1, :f :read, :value nil}})}"
        )
    );
}

#[test]
fn an_element_shown_first_and_missed_last_is_lost_after_that_time() {
    let text = format!(
        "{ADDED}1 invoke read nil :time 30000000
         1 ok read [5]
         1 invoke read nil
         1 ok read []"
    );
    assert_eq!(fate(&text), (Outcome::Lost, Some(20)));
    let text = analyse(&text).explanation().unwrap();
    assert_eq!(
        text,
        "1 value is missing on process 1 only: 5\nlost elements: 1\n  5: acknowledged to process 0 at 0.010 s (operation 1), \
         last shown to a read by process 1 at 0.030 s (operation 2), \
         missed by a read by process 1 at 0.040 s (operation 4)"
    );
}

#[test]
fn last_means_invoked_last_and_not_completed_last() {
    // Process 1 begins before process 2 and ends after it.
    let overlapping = |first: &str, second: &str| {
        fate(&format!(
            "{ADDED}1 invoke read nil
             2 invoke read nil
             2 ok read {second}
             1 ok read {first}"
        ))
    };
    assert_eq!(overlapping("[]", "[5]").0, Outcome::Stable);
    assert_eq!(overlapping("[5]", "[]").0, Outcome::Lost);
}

#[test]
fn a_read_that_began_before_the_element_was_known_may_miss_it() {
    let text = "1 invoke read nil
                0 invoke add 5
                0 ok add 5
                1 ok read []";
    assert_eq!(fate(text), (Outcome::NeverRead, None));
    // The twin: it began afterwards.
    let text = "0 invoke add 5
                0 ok add 5
                1 invoke read nil
                1 ok read []";
    assert_eq!(fate(text).0, Outcome::Lost);
}

#[test]
fn a_read_that_ended_before_the_add_began_says_nothing() {
    let text = "1 invoke read nil
                1 ok read []
                0 invoke add 5
                0 ok add 5
                2 invoke read nil
                2 ok read [5]";
    assert_eq!(fate(text), (Outcome::Stable, Some(0)));
}

#[test]
fn a_read_makes_an_element_known_whose_add_was_never_acknowledged() {
    for end in ["info add 5", "fail add 5"] {
        let text = format!(
            "0 invoke add 5
             0 {end}
             1 invoke read nil
             1 ok read [5]
             1 invoke read nil
             1 ok read []"
        );
        assert_eq!(fate(&text).0, Outcome::Lost, "{end}");
        assert!(
            analyse(&text)
                .explanation()
                .unwrap()
                .contains("first read by process 1")
        );
    }
    let unknown = "0 invoke add 5
                   0 info add 5
                   1 invoke read nil
                   1 ok read []";
    assert_eq!(fate(unknown).0, Outcome::NeverRead);
}

#[test]
fn nothing_stable_is_undecided() {
    for text in [
        "",
        ADDED,
        "0 invoke add 5\n1 invoke read nil",
        "1 invoke read nil\n1 ok read [5]",
        "0 invoke add 5\n0 info add 5\n1 invoke read nil\n1 info read nil",
    ] {
        let analysis = analyse(text);
        assert_eq!(analysis.verdict(), Verdict::Unknown, "{text}");
        assert!(
            analysis
                .explanation()
                .unwrap()
                .contains("no element is stable")
        );
        assert_eq!(analysis.stable_latency(0.5), None);
    }
}

#[test]
fn a_read_of_null_shows_nothing() {
    let text = format!("{ADDED}1 invoke read nil\n1 ok read nil");
    assert_eq!(fate(&text).0, Outcome::Lost);
}

#[test]
fn elements_may_be_of_any_type_and_of_several() {
    let text = r#"0 invoke add 1
                  0 invoke add 1.0
                  0 invoke add "1"
                  0 invoke add [1 {"a" nil}]
                  0 invoke add -1
                  0 invoke add 9000000000000000000000
                  0 invoke add nil
                  1 invoke read nil
                  1 ok read [[1 {"a" nil}] "1" -1 9000000000000000000000 nil 1.0 "other"]"#;
    let analysis = analyse(text);
    assert_eq!((analysis.attempt_count, analysis.stable_count), (7, 6));
    assert_eq!(analysis.never_read, [1.into()]);
}

#[test]
fn repeated_elements_are_told_and_change_no_verdict() {
    let text = format!(
        "{ADDED}1 invoke read nil
         1 ok read [5 7 5 7 5]
         2 invoke read nil
         2 ok read [5 5]"
    );
    let analysis = analyse(&text);
    assert_eq!(analysis.verdict(), Verdict::Valid);
    assert_eq!(analysis.repeated, [(5.into(), 3)]);
    let once = analyse(&format!("{ADDED}1 invoke read nil\n1 ok read [5]"));
    assert!(once.repeated.is_empty());
}

#[test]
fn latencies_round_down_to_whole_milliseconds() {
    // Known at 10 ms; the last read that misses it begins 1,999,999 ns or 1,999,998 ns later, and
    // one nanosecond counts on top.
    for (time, latency) in [(11_999_999, 2), (11_999_998, 1), (9_000_000, 0)] {
        let text = format!(
            "{ADDED}1 invoke read nil :time {time}
             1 ok read []
             2 invoke read nil
             2 ok read [5]"
        );
        assert_eq!(fate(&text), (Outcome::Stable, Some(latency)));
    }
}

#[test]
fn broadcasts_are_adds_by_another_name() {
    let text = "0 invoke broadcast 5
                0 ok broadcast 5
                1 invoke read nil
                1 ok read []
                1 invoke read nil
                1 ok read [5]";
    let analysis = check(&history(text), "broadcast");
    assert_eq!(analysis.worst_stale[0].known.f, "add");
    assert_eq!(check(&history(text), "add").attempt_count, 0);
}

#[test]
fn long_histories_with_long_reads_are_quick() {
    // 4,000 adds, each followed by a read of everything so far but the newest element.
    let read: Vec<_> = (0..4000i64).map(crate::edn::Value::from).collect();
    let mut history = History::default();
    let entry = |kind, f: &'static str, value| {
        let mut op = crate::check::tests::operation("0 invoke read nil");
        (op.kind, op.f, op.value) = (kind, f.into(), value);
        op
    };
    for n in 0..4000usize {
        history.push(entry(Kind::Invoke, "add", n.into()));
        history.push(entry(Kind::Ok, "add", n.into()));
        history.push(entry(Kind::Invoke, "read", Value::Nil));
        history.push(entry(Kind::Ok, "read", Value::Vector(read[..n].into())));
    }
    let analysis = check(&history, "add");
    assert_eq!((analysis.stable_count, analysis.lost.len()), (3999, 1));
}
