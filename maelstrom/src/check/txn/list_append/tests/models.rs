//! Which models forbid what.

use expect_test::expect;

use super::{check, under};
use crate::check::txn::testing::{assert_finds, concurrent, models, sequential};
use crate::check::{Analysis, Verdict};

#[test]
fn only_models_of_read_atomicity_forbid_internal_contradictions() {
    let history = concurrent(&["[[:append x 1]]", "[[:r x [1]] [:append x 2] [:r x [1]]]"]);
    for permitting in ["read-uncommitted", "read-committed", "repeatable-read"] {
        assert_finds(&under(permitting, &history), &[]);
    }
    for forbidding in ["read-atomic", "snapshot-isolation", "serializable"] {
        assert_finds(&under(forbidding, &history), &["internal"]);
    }
}

#[test]
fn a_stale_read_contradicts_real_time_only() {
    let stale = sequential(&[(0, "[[:append x 1]]"), (1, "[[:r x nil]]")]);
    assert_finds(
        &under("strict-serializable", &stale),
        &["G-single-item-realtime"],
    );
    let fresh = sequential(&[(0, "[[:append x 1]]"), (1, "[[:r x [1]]]")]);
    assert_finds(&under("strict-serializable", &fresh), &[]);
    let overlapping = concurrent(&["[[:append x 1]]", "[[:r x nil]]"]);
    assert_finds(&under("strict-serializable", &overlapping), &[]);

    assert_finds(&under("serializable", &stale), &[]);
    assert_finds(&under("strong-session-serializable", &stale), &[]);
}

#[test]
fn a_session_must_read_its_own_writes() {
    let forgetful = sequential(&[(0, "[[:append x 1]]"), (0, "[[:r x nil]]")]);
    let found = under("strong-session-serializable", &forgetful);
    assert_finds(&found, &["G-single-item-process"]);
    assert_finds(
        &under("strong-session-snapshot-isolation", &forgetful),
        &["G-single-item-process"],
    );
    assert_finds(&under("serializable", &forgetful), &[]);
}

#[test]
fn what_may_never_have_happened_precedes_nothing_in_real_time() {
    let unseen = sequential(&[
        (0, "info [[:append x 1]]"),
        (1, "[[:r x nil]]"),
        (1, "[[:r x [1]]]"),
    ]);
    assert_finds(&under("strict-serializable", &unseen), &[]);
    // But it began only after the first read had ended.
    let early = sequential(&[(1, "[[:r x [1]]]"), (0, "info [[:append x 1]]")]);
    assert_finds(&under("strict-serializable", &early), &["G1c-realtime"]);
}

#[test]
fn several_models_forbid_what_any_of_them_forbids() {
    let history = sequential(&[(0, "[[:append x 1]]"), (1, "[[:r x nil]]")]);
    let both = check(
        &history,
        &models(&["read-committed", "strict-serializable"]),
    );
    assert_finds(&both, &["G-single-item-realtime"]);
    assert_finds(&check(&history, &models(&["linearizable"])), &[]);
}

#[test]
fn an_unknown_model_gives_no_verdict() {
    let skewed = concurrent(&["[[:append x 1] [:r y [1]]]", "[[:append y 1] [:r x [1]]]"]);
    let analysis = check(&skewed, &models(&["serializable", "no-such-model"]));
    assert_eq!(analysis.verdict(), Verdict::Unknown);
    assert!(!analysis.aborts_run());
    let results = expect![[
        r#"{:error "there is no consistency model called no-such-model", :valid? :unknown}"#
    ]];
    results.assert_eq(&analysis.to_edn().to_string());
    assert!(
        analysis
            .explanation()
            .expect("an explanation")
            .contains("G1c")
    );
}

/// For each model, which of these it forbids: a dirty write, an aborted read, a transaction that
/// contradicts itself, a lost update, read skew, a long fork, write skew, a session that forgets
/// its own write, one that sees a stale state of others.
#[test]
fn each_model_draws_its_own_line() {
    let writes = [
        "[[:append x 1] [:append y 1]]",
        "[[:append x 2] [:append y 2]]",
    ];
    let (read_x, read_y) = ("[[:r x [1 2]]]", "[[:r y [2 1]]]");
    let update = ["[[:r x nil] [:append x 1]]", "[[:r x nil] [:append x 2]]"];
    let (x, y) = ("[[:append x 1]]", "[[:append y 1]]");
    let fork = ["[[:r x [1]] [:r y nil]]", "[[:r x nil] [:r y [1]]]"];
    let histories = [
        concurrent(&[writes[0], writes[1], read_x, read_y]),
        concurrent(&["fail [[:append x 1]]", "[[:r x [1]]]", y, "[[:r y [1]]]"]),
        concurrent(&["[[:append x 1]]", "[[:r x [1]] [:append x 2] [:r x [1]]]"]),
        concurrent(&[update[0], update[1], read_x]),
        concurrent(&[writes[0], "[[:r x [1]] [:r y nil]]"]),
        concurrent(&[x, y, fork[0], fork[1]]),
        concurrent(&["[[:r x nil] [:append y 1]]", "[[:r y nil] [:append x 1]]"]),
        sequential(&[(0, x), (0, "[[:r x nil]]")]),
        sequential(&[(0, x), (1, "[[:r x nil]]")]),
    ];
    let mut table = String::new();
    for model in [
        "read-uncommitted",
        "read-committed",
        "monotonic-atomic-view",
        "read-atomic",
        "causal-cerone",
        "parallel-snapshot-isolation",
        "cursor-stability",
        "consistent-view",
        "repeatable-read",
        "snapshot-isolation",
        "serializable",
        "strong-read-committed",
        "strong-session-snapshot-isolation",
        "strong-session-serializable",
        "strong-snapshot-isolation",
        "strong-serializable",
        "strict-serializable",
        "linearizable",
    ] {
        let forbidden = histories
            .iter()
            .map(|history| match under(model, history).verdict() {
                Verdict::Invalid => 'x',
                _ => '.',
            });
        table += &format!("{} {model}\n", forbidden.collect::<String>());
    }
    expect![[r#"
        x........ read-uncommitted
        xx....... read-committed
        xx....... monotonic-atomic-view
        xxx...... read-atomic
        xxx...... causal-cerone
        xxx...... parallel-snapshot-isolation
        xx.x..... cursor-stability
        xx.xx.... consistent-view
        xx.xxxx.. repeatable-read
        xxxxxx... snapshot-isolation
        xxxxxxx.. serializable
        xx....... strong-read-committed
        xxxxxx.x. strong-session-snapshot-isolation
        xxxxxxxx. strong-session-serializable
        xxxxxx.xx strong-snapshot-isolation
        xxxxxxxxx strong-serializable
        xxxxxxxxx strict-serializable
        ......... linearizable
    "#]]
    .assert_eq(&table);
}
