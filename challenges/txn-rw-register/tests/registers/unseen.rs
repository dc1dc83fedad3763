//! The checks of our own against nodes that need them: whatever these do wrong, the workload's
//! checker is content with it at the level that it is asked for.

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
            // Long transactions have many parts to be seen without the others.
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
fn replicas_without_a_flaw_pass() {
    for_each_seed(|seed| {
        let (run, _) = replicas(seed, Flaw::None);
        let (transactions, state) = assert_read_atomic(&run);
        assert_eq!(overtaken(&transactions, &state, TOLERANCE), [""; 0]);
    });
}

#[test]
fn replicas_that_do_not_converge_are_found() {
    for_each_seed(|seed| {
        let (_, transactions) = replicas(seed, Flaw::InOrderOfArrival);
        assert!(final_state(&transactions).is_err());
    });
}

/// The workload holds monotonic atomic view to what read committed forbids, and to nothing more.
#[test]
fn replicas_that_show_transactions_in_part_are_found() {
    for_each_seed(|seed| {
        let (run, transactions) = replicas(seed, Flaw::WritesApart);
        assert_model(&run, "read-atomic");
        assert_ne!(fractured_reads(&transactions), [""; 0]);
    });
}

#[test]
fn replicas_whose_clocks_only_count_let_the_earlier_write_win() {
    for_each_seed(|seed| {
        let (_, transactions) = replicas(seed, Flaw::ClockThatCounts);
        let state = final_state(&transactions).expect("the nodes agree in the end");
        assert_ne!(overtaken(&transactions, &state, TOLERANCE), [""; 0]);
    });
}

/// Nobody reads between the two writes of a register that are in the wrong order, so the workload
/// finds nothing under read uncommitted, on any seed.
#[test]
fn dirty_writes_are_found() {
    for_each_seed(|seed| {
        // Short lives of few registers: there are many last writes, and much traffic before them.
        let load = transactions("read-uncommitted").key_count(3);
        let load = load.max_writes_per_key(3).max_txn_length(6);
        let run = Simulation::new(seed)
            .nodes(1, |_: &Context| DirtyWrites::default())
            .run(load.rate(500.0).concurrency(10).time_limit(secs(8)));
        assert_eq!(run.verdict(), Verdict::Valid);
        let transactions = Transactions::of(run.history());
        let state = final_state(&transactions).expect("a node agrees with itself");
        assert_ne!(write_cycle(&transactions, &state), None);
    });
}
