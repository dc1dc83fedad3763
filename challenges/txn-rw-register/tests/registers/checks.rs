//! Checks for anomalies that the workload's checker cannot see.
//!
//! A register keeps no earlier values. Of two writes without a read in between, no history shows
//! which came first, and the checker cannot judge them. But once every register has been read at the
//! end, the last value of each is known, and it came after all others.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::transaction::{Transaction, Transactions};

/// The final value of each register that has one.
pub type FinalState = BTreeMap<i64, i64>;

/// Returns what the final reads saw.
///
/// # Errors
///
/// If two of them differ, which means that the nodes did not converge, or if one was not answered.
pub fn final_state(transactions: &Transactions) -> Result<FinalState, String> {
    let mut finals = transactions.all.iter().filter(|t| t.is_final);
    if finals.clone().any(|t| t.completed.is_none()) {
        return Err("a final read was not answered".to_owned());
    }
    let first = finals.next().ok_or("there were no final reads")?;
    for other in finals {
        for (key, value) in &first.reads {
            if other.reads.get(key) != Some(value) {
                let other = other.reads.get(key);
                return Err(format!("register {key} holds {value:?} and {other:?}"));
            }
        }
    }
    let held = first.reads.iter();
    Ok(held
        .filter_map(|(&key, &value)| Some((key, value?)))
        .collect())
}

/// Finds Adya's G0, a cycle of writes: transactions of which each was overwritten by the next, and
/// the last one by the first. *Read uncommitted* forbids it.
pub fn write_cycle(transactions: &Transactions, state: &FinalState) -> Option<Vec<usize>> {
    let mut successors = vec![Vec::new(); transactions.all.len()];
    let mut predecessors = vec![0_usize; transactions.all.len()];
    for (first, transaction) in transactions.all.iter().enumerate() {
        for (key, value) in &transaction.writes {
            let last = state.get(key).filter(|last| *last != value);
            let last = last.and_then(|&last| transactions.writer(*key, last));
            if let Some(last) = last.filter(|last| *last != first) {
                successors[first].push(last);
                predecessors[last] += 1;
            }
        }
    }
    // Removes transactions that overwrote no remaining one (Kahn's algorithm). The rest lies on
    // cycles or after them.
    let mut free: Vec<usize> = (0..predecessors.len())
        .filter(|&index| predecessors[index] == 0)
        .collect();
    while let Some(index) = free.pop() {
        for &next in &successors[index] {
            predecessors[next] -= 1;
            if predecessors[next] == 0 {
                free.push(next);
            }
        }
    }
    let stuck: Vec<usize> = (0..predecessors.len())
        .filter(|&index| predecessors[index] > 0)
        .collect();
    (!stuck.is_empty()).then_some(stuck)
}

/// Finds fractured reads: a transaction saw one value of another transaction, and something older
/// than another value of it. *Monotonic atomic view* forbids this in one order of the two reads,
/// *read atomic* in both.
pub fn fractured_reads(transactions: &Transactions) -> Vec<String> {
    let mut found = Vec::new();
    for transaction in &transactions.all {
        for (&seen_key, &seen) in &transaction.reads {
            let writer = seen.and_then(|seen| transactions.writer(seen_key, seen));
            let Some(writer) = writer.map(|writer| &transactions.all[writer]) else {
                continue;
            };
            let missed = |(key, value): (&i64, &i64)| {
                let read = *transaction.reads.get(key)?;
                let old = read != Some(*value) && is_older(writer, *key, read);
                old.then(|| {
                    format!("{transaction:?} saw {seen_key} of {writer:?}, but {key} from before")
                })
            };
            found.extend(writer.writes.iter().filter_map(missed));
        }
    }
    found
}

/// Returns whether a register certainly had this value before the transaction wrote to it: the
/// register had no value at all, or the transaction itself has read this one.
fn is_older(writer: &Transaction, key: i64, value: Option<i64>) -> bool {
    value.is_none() || writer.reads.get(&key) == Some(&value)
}

/// Finds final values whose transaction was acknowledged, by more than `tolerance`, before the
/// invocation of another write to the register. The later write is lost.
pub fn overtaken(
    transactions: &Transactions,
    state: &FinalState,
    tolerance: Duration,
) -> Vec<String> {
    let mut found = Vec::new();
    for later in transactions.all.iter().filter(|t| t.completed.is_some()) {
        for (&key, &value) in &later.writes {
            let last = state.get(&key).copied().filter(|last| *last != value);
            let writer = last.and_then(|last| transactions.writer(key, last));
            let Some(writer) = writer.map(|writer| &transactions.all[writer]) else {
                continue;
            };
            let before = |at: Duration| at + tolerance < later.invoked;
            if writer.completed.is_some_and(before) {
                found.push(format!("register {key}: {writer:?} won over {later:?}"));
            }
        }
    }
    found
}

mod tests {
    use super::*;

    /// Creates a transaction from its reads and writes.
    fn txn(reads: &[(i64, Option<i64>)], writes: &[(i64, i64)]) -> Transaction {
        Transaction {
            completed: Some(Duration::ZERO),
            reads: reads.iter().copied().collect(),
            writes: writes.iter().copied().collect(),
            ..Transaction::default()
        }
    }

    fn last_read(reads: &[(i64, Option<i64>)]) -> Transaction {
        Transaction {
            is_final: true,
            ..txn(reads, &[])
        }
    }

    #[test]
    fn final_reads_must_agree() {
        let one = last_read(&[(1, Some(5)), (2, None)]);
        let same = Transactions::new(vec![one.clone(), one.clone()]);
        assert_eq!(final_state(&same), Ok(FinalState::from([(1, 5)])));
        let other = last_read(&[(1, Some(6)), (2, None)]);
        assert!(final_state(&Transactions::new(vec![one, other])).is_err());
        let unanswered = Transaction {
            completed: None,
            ..last_read(&[])
        };
        assert!(final_state(&Transactions::new(vec![unanswered])).is_err());
        assert!(final_state(&Transactions::default()).is_err());
    }

    /// Two transactions write to two registers, and each is the last to write to one of them.
    #[test]
    fn write_cycle_is_found_in_the_final_state() {
        let both = |value| txn(&[], &[(1, value), (2, value)]);
        let transactions = Transactions::new(vec![both(10), both(20)]);
        let cycle = |state| write_cycle(&transactions, &FinalState::from(state));
        assert_eq!(cycle([(1, 10), (2, 20)]), Some(vec![0, 1]));
        assert_eq!(cycle([(1, 20), (2, 20)]), None);
        assert_eq!(cycle([(1, 10), (2, 10)]), None);
    }

    #[test]
    fn fractured_read_is_distinguished_from_a_read_of_a_newer_value() {
        let writer = txn(&[(3, Some(7))], &[(1, 10), (2, 10), (3, 10)]);
        let other = txn(&[], &[(2, 20), (3, 7)]);
        let fractures = |reads: &[_]| {
            let reader = txn(reads, &[]);
            let all = vec![writer.clone(), other.clone(), reader];
            fractured_reads(&Transactions::new(all)).len()
        };
        assert_eq!(fractures(&[(1, Some(10)), (2, None)]), 1);
        assert_eq!(fractures(&[(1, Some(10)), (3, Some(7))]), 1);
        assert_eq!(fractures(&[(1, Some(10)), (2, Some(10))]), 0);
        // This value may have been written later.
        assert_eq!(fractures(&[(1, Some(10)), (2, Some(20))]), 0);
    }

    #[test]
    fn write_that_lost_to_an_earlier_one_is_found() {
        let at = |value, ms| Transaction {
            invoked: Duration::from_millis(ms),
            completed: Some(Duration::from_millis(ms + 1)),
            ..txn(&[], &[(1, value)])
        };
        let transactions = Transactions::new(vec![at(10, 0), at(20, 100)]);
        let overtaken = |last| {
            let state = FinalState::from([(1, last)]);
            overtaken(&transactions, &state, Duration::from_millis(2)).len()
        };
        assert_eq!(overtaken(10), 1);
        assert_eq!(overtaken(20), 0);
    }
}
