//! Runs the checkers of transactions on databases of known isolation. They never report what a
//! level permits, and in long runs they find the anomalies that it permits when a stronger level is
//! demanded.

mod database;

use eddy::check::txn::{TxnAnalysis, list_append, rw_register};
use eddy::check::{Analysis, Verdict};
use eddy::history::History;
use proptest::prelude::*;

use self::database::{Data, Isolation, Step, run};

fn check(data: Data, history: &History, model: &str) -> TxnAnalysis {
    match data {
        Data::Lists => list_append::check(history, &[model.to_owned()]),
        Data::Registers => rw_register::check(history, &[model.to_owned()]),
    }
}

/// Asserts that nothing is found that the model forbids. A history without anything to judge is
/// accepted.
#[track_caller]
fn assert_permitted(data: Data, history: &History, model: &str) {
    let analysis = check(data, history, model);
    let types = analysis.anomaly_types();
    let fine = types.is_empty() || types == ["empty-transaction-graph"];
    assert!(
        fine,
        "{model}: {}",
        analysis.explanation().unwrap_or_default()
    );
}

prop_compose! {
    fn transactions()(
        txns in prop::collection::vec(
            prop::collection::vec((any::<bool>(), 0..4_u64), 1..5),
            0..60,
        ),
        schedule in prop::collection::vec(any::<u8>(), 400),
        data in prop::sample::select(vec![Data::Lists, Data::Registers]),
    ) -> (Vec<Vec<Step>>, Vec<u8>, Data) {
        (txns, schedule, data)
    }
}

proptest! {
    #[test]
    fn serial_transactions_are_strictly_serializable(
        (txns, schedule, data) in transactions(),
    ) {
        let history = run(Isolation::Serial, data, &txns, &schedule);
        assert_permitted(data, &history, "strict-serializable");
    }

    #[test]
    fn stale_reads_are_serializable(
        (txns, schedule, data) in transactions(),
    ) {
        let history = run(Isolation::Stale, data, &txns, &schedule);
        assert_permitted(data, &history, "serializable");
    }

    #[test]
    fn snapshot_reads_are_strong_snapshot_isolation(
        (txns, schedule, data) in transactions(),
    ) {
        let history = run(Isolation::Snapshot, data, &txns, &schedule);
        assert_permitted(data, &history, "strong-snapshot-isolation");
    }

    #[test]
    fn reads_of_committed_values_are_read_committed(
        (txns, schedule, data) in transactions(),
    ) {
        let history = run(Isolation::ReadCommitted, data, &txns, &schedule);
        assert_permitted(data, &history, "strong-read-committed");
    }
}

/// Returns this number of transactions and a schedule, from a simple generator of random numbers.
fn many(txns: usize) -> (Vec<Vec<Step>>, Vec<u8>) {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = move || {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    };
    let step = |n: u64| {
        (
            n.is_multiple_of(2),
            u64::from((n >> 1).trailing_ones()).min(9),
        )
    };
    let txns = (0..txns)
        .map(|_| (0..=next() % 4).map(|_| step(next())).collect())
        .collect::<Vec<Vec<Step>>>();
    let schedule = (0..8 * txns.len()).map(|_| next() as u8).collect();
    (txns, schedule)
}

/// The anomalies that a level permits are found when a stronger level is demanded.
#[test]
fn each_level_is_distinguished_from_the_next() {
    let (txns, schedule) = many(1_000);
    for (isolation, data, model, expected) in [
        (
            Isolation::Stale,
            Data::Lists,
            "strict-serializable",
            "G-single-item-realtime",
        ),
        (
            Isolation::Stale,
            Data::Registers,
            "strict-serializable",
            "G-single-item-realtime",
        ),
        (Isolation::Snapshot, Data::Lists, "serializable", "G2-item"),
        (
            Isolation::Snapshot,
            Data::Registers,
            "serializable",
            "G2-item",
        ),
        (
            Isolation::ReadCommitted,
            Data::Lists,
            "snapshot-isolation",
            "lost-update",
        ),
        (
            Isolation::ReadCommitted,
            Data::Registers,
            "snapshot-isolation",
            "lost-update",
        ),
        (Isolation::Nothing, Data::Lists, "read-uncommitted", "G0"),
        (Isolation::Nothing, Data::Registers, "read-committed", "G1b"),
    ] {
        let history = run(isolation, data, &txns, &schedule);
        let analysis = check(data, &history, model);
        assert_eq!(
            analysis.verdict(),
            Verdict::Invalid,
            "{isolation:?} {data:?}"
        );
        let types = analysis.anomaly_types();
        assert!(
            types.contains(&expected),
            "{isolation:?} {data:?}: {types:?}"
        );
    }
}

/// The checkers must finish on large histories, both without anomalies and with one strongly
/// connected component that spans nearly all transactions.
#[test]
fn hundred_thousand_transactions_get_a_verdict() {
    let (txns, schedule) = many(100_000);
    for (isolation, verdict) in [
        (Isolation::Serial, Verdict::Valid),
        (Isolation::Stale, Verdict::Invalid),
        (Isolation::Nothing, Verdict::Invalid),
    ] {
        let history = run(isolation, Data::Lists, &txns, &schedule);
        let analysis = check(Data::Lists, &history, "strict-serializable");
        assert_eq!(analysis.verdict(), verdict, "{isolation:?}");
    }
}
