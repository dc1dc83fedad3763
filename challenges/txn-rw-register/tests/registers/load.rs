//! The load and the assertions that all runs share.

use std::time::Duration;

use eddy::check::txn::{TxnAnalysis, rw_register};
use eddy::check::{Analysis as _, Verdict};
use eddy::generator::Invocation;
use eddy::simulation::{Load, Run};
use eddy::workload;
use glomers::Context;
use txn_rw_register::{ROUND_INTERVAL, Registers};

use crate::checks::{FinalState, final_state, fractured_reads, write_cycle};
use crate::transaction::{Transactions, reads_of_all};

/// Number of registers, more than any run here uses.
const KEYS: i64 = 2500;

/// Returns the challenge's load, after which every client reads all registers.
pub fn transactions(model: &str) -> Load {
    let reads = Invocation::new("txn", reads_of_all(KEYS));
    Load::of(workload::TxnRwRegister)
        .consistency_model(model)
        .final_operation(reads.with("final?", true))
}

/// Returns a node with default options.
pub fn node(cx: &Context) -> Registers {
    Registers::new(cx, ROUND_INTERVAL)
}

/// Checks a run against a consistency model with the workload's checker.
pub fn analysis(run: &Run, model: &str) -> TxnAnalysis {
    rw_register::check(run.history(), &[model.to_owned()])
}

/// Asserts that a run satisfies a consistency model, as far as the workload's checker can tell.
pub fn assert_model(run: &Run, model: &str) {
    let analysis = analysis(run, model);
    let why = || analysis.explanation().unwrap_or_default();
    assert_eq!(analysis.verdict(), Verdict::Valid, "{model}: {}", why());
}

/// Asserts that a run is read atomic and that all nodes converged, and returns its transactions and
/// the final state.
pub fn assert_read_atomic(run: &Run) -> (Transactions, FinalState) {
    run.assert_valid();
    assert_model(run, "read-atomic");
    let (transactions, state) = assert_nothing_partial(run);
    assert!(state.len() > 20, "hardly anything was written");
    (transactions, state)
}

/// Asserts the same of a run in which hardly any transaction may have succeeded.
pub fn assert_nothing_partial(run: &Run) -> (Transactions, FinalState) {
    run.assert_safe();
    assert_eq!(run.protocol_violations(), 0);
    let atomic = analysis(run, "read-atomic");
    let why = || atomic.explanation().unwrap_or_default();
    assert_ne!(atomic.verdict(), Verdict::Invalid, "{}", why());
    let transactions = Transactions::of(run.history());
    let state = final_state(&transactions).expect("the final reads agree");
    assert_eq!(write_cycle(&transactions, &state), None);
    assert_eq!(fractured_reads(&transactions), [""; 0]);
    (transactions, state)
}

/// Resolution of wall clocks and of invocation and completion times, a millisecond each.
pub const TOLERANCE: Duration = Duration::from_millis(3);
