//! The additional checks find broken nodes that the workload's checker accepts at the requested
//! level.

use eddy::check::Verdict;
use eddy::net::Latency;
use eddy::seed::Seed;
use eddy::simulation::{Run, Simulation, for_each_seed, ms, secs};
use glomers::Context;

use crate::checks::{final_state, fractured_reads, overtaken, write_cycle};
use crate::load::{TOLERANCE, assert_model, assert_read_atomic, transactions};
use crate::mutants::{DirtyWrites, Flaw, Replica};
use crate::transaction::Transactions;

fn replicas(seed: Seed, flaw: Flaw) -> (Run, Transactions) {
    let run = Simulation::new(seed)
        .nodes(3, move |_: &Context| Replica::new(flaw))
        .latency(Latency::exponential(ms(50)))
        .run(
            // A long transaction has many writes, so a read is likely to see only some of them.
            transactions("monotonic-atomic-view")
                .max_txn_length(8)
                .rate(200.0)
                .concurrency(6)
                .time_limit(secs(20)),
        );
    run.assert_valid();
    let transactions = Transactions::of(run.history());
    (run, transactions)
}

#[test]
fn replica_without_a_flaw_passes() {
    for_each_seed(|seed| {
        let (run, _) = replicas(seed, Flaw::None);
        let (transactions, state) = assert_read_atomic(&run);
        assert_eq!(overtaken(&transactions, &state, TOLERANCE), [""; 0]);
    });
}

#[test]
fn replica_that_does_not_converge_is_found() {
    for_each_seed(|seed| {
        let (_, transactions) = replicas(seed, Flaw::ArrivalOrder);
        assert!(final_state(&transactions).is_err());
    });
}

/// The workload checks monotonic atomic view only for the anomalies that read committed forbids.
#[test]
fn replica_that_shows_partial_transactions_is_found() {
    for_each_seed(|seed| {
        let (run, transactions) = replicas(seed, Flaw::SeparateWrites);
        assert_model(&run, "read-atomic");
        assert_ne!(fractured_reads(&transactions), [""; 0]);
    });
}

#[test]
fn lost_later_write_of_a_logical_clock_is_found() {
    for_each_seed(|seed| {
        let (_, transactions) = replicas(seed, Flaw::LogicalClock);
        let state = final_state(&transactions).expect("the nodes agree in the end");
        assert_ne!(overtaken(&transactions, &state, TOLERANCE), [""; 0]);
    });
}

/// No transaction reads between two writes in the wrong order, so the workload's checker accepts the
/// run at read uncommitted, on every seed.
#[test]
fn dirty_writes_are_found() {
    for_each_seed(|seed| {
        // Registers of few writes each: many of these are final, and many transactions overlap.
        let load = transactions("read-uncommitted").key_count(3);
        let load = load.max_writes_per_key(3).max_txn_length(6);
        let run = Simulation::new(seed)
            .nodes(1, |_: &Context| DirtyWrites::default())
            .run(load.rate(500.0).concurrency(10).time_limit(secs(8)));
        assert_eq!(run.verdict(), Verdict::Valid);
        let transactions = Transactions::of(run.history());
        let state = final_state(&transactions).expect("all final reads of one node agree");
        assert_ne!(write_cycle(&transactions, &state), None);
    });
}
