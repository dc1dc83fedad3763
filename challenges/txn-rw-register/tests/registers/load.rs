//! What the runs have in common.

use std::time::Duration;

use eddy::check::txn::{TxnAnalysis, rw_register};
use eddy::check::{Analysis as _, Verdict};
use eddy::generator::Invocation;
use eddy::simulation::{Load, Run};
use eddy::workload;
use glomers::Context;
use txn_rw_register::{ROUND, Registers};

use crate::checks::{FinalState, final_state, fractured_reads, write_cycle};
use crate::transaction::{Transactions, reads_of_all};

/// More registers than any run here touches.
const KEYS: i64 = 2500;

/// What the challenge asks for, and at the end all registers, read by every client.
pub fn transactions(model: &str) -> Load {
    let reads = Invocation::new("txn", reads_of_all(KEYS));
    Load::of(workload::TxnRwRegister)
        .consistency_model(model)
        .final_operation(reads.with("final?", true))
}

/// The node as it is by default.
pub fn node(cx: &Context) -> Registers {
    Registers::new(cx, ROUND)
}

/// What the checker of the workload finds under a model.
pub fn analysis(run: &Run, model: &str) -> TxnAnalysis {
    rw_register::check(run.history(), &[model.to_owned()])
}

/// Fails unless the run satisfies a model, as far as the workload's checker can tell.
pub fn assert_model(run: &Run, model: &str) {
    let analysis = analysis(run, model);
    let why = || analysis.explanation().unwrap_or_default();
    assert_eq!(analysis.verdict(), Verdict::Valid, "{model}: {}", why());
}

/// Fails unless the run is what we promise, as far as anybody can tell; gives what the nodes agreed
/// on in the end.
pub fn assert_read_atomic(run: &Run) -> (Transactions, FinalState) {
    run.assert_valid();
    assert_eq!(run.protocol_violations(), 0);
    assert_model(run, "read-atomic");
    let transactions = Transactions::of(run.history());
    let state = final_state(&transactions).expect("the nodes agree in the end");
    assert!(state.len() > 20, "hardly anything was written");
    assert_eq!(write_cycle(&transactions, &state), None);
    assert_eq!(fractured_reads(&transactions), [""; 0]);
    (transactions, state)
}

/// Wall clocks and invocations are told to a millisecond.
pub const TOLERANCE: Duration = Duration::from_millis(3);
