//! Linearizability of any object that a user can describe as a sequential model.
//!
//! The search is the just-in-time linearization of Lowe ("Testing for linearizability", 2017): it
//! walks through the history and keeps every *configuration* that explains it so far, a state of the
//! object together with the open calls that have already taken effect. A call takes effect only when
//! some call must return, so calls that overlap with nothing cost nothing.
//!
//! The lin-kv workload has a faster search, specialised on registers, in
//! [`linearizable`](super::linearizable).
//!
//! ```
//! use eddy::check::object::{Call, Model, Outcome, linearize};
//!
//! /// A counter; an operation is an addition with the sum that it returned.
//! struct Counter;
//!
//! impl Model for Counter {
//!     type State = i64;
//!     type Op = (i64, i64);
//!
//!     fn initial(&self) -> i64 {
//!         0
//!     }
//!
//!     fn step(&self, state: &i64, (delta, sum): &(i64, i64)) -> Vec<i64> {
//!         (state + delta == *sum).then_some(*sum).into_iter().collect()
//!     }
//! }
//!
//! let call = |op, invoked, returned| Call { op, invoked, returned: Some(returned) };
//! let concurrent = [call((1, 3), 0, 2), call((2, 2), 1, 3)];
//! assert_eq!(linearize(&Counter, &concurrent, 1_000), Outcome::Linearizable);
//! let sequential = [call((1, 3), 0, 1), call((2, 2), 2, 3)];
//! assert_eq!(linearize(&Counter, &sequential, 1_000), Outcome::Stuck(0));
//! ```

use std::collections::BTreeSet;

/// An object as a sequential specification.
pub trait Model {
    /// A state of the object.
    type State: Clone + Ord;
    /// An operation together with its result, or without one if it is unknown.
    type Op;

    /// The state before the first operation.
    fn initial(&self) -> Self::State;

    /// The states in which `op` may leave the object, given its result. None if `op` cannot have
    /// this result in `state`; several if the result does not determine the state.
    fn step(&self, state: &Self::State, op: &Self::Op) -> Vec<Self::State>;
}

/// A call of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<Op> {
    /// The operation with its result.
    pub op: Op,
    /// The moment of its invocation, such as an index in the history.
    pub invoked: usize,
    /// The moment of its return. A call without one took effect at any time after its invocation, or
    /// never.
    pub returned: Option<usize>,
}

/// What a search came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The calls can be ordered.
    Linearizable,
    /// They cannot: this call, by its position, is the first to return that no order explains.
    Stuck(usize),
    /// The budget was spent before it was known.
    Undecided,
}

/// A state, and the open calls that have taken effect in it.
type Configuration<S> = (S, BTreeSet<usize>);

/// Whether the calls can be ordered so that each has its result and comes between its invocation and
/// its return. The budget limits the number of configurations that are looked at.
pub fn linearize<M: Model>(model: &M, calls: &[Call<M::Op>], budget: usize) -> Outcome {
    let mut events: Vec<(usize, bool, usize)> = Vec::with_capacity(2 * calls.len());
    for (i, call) in calls.iter().enumerate() {
        events.push((call.invoked, false, i));
        events.extend(call.returned.map(|returned| (returned, true, i)));
    }
    events.sort_unstable();
    let mut open = BTreeSet::new();
    let mut configurations = BTreeSet::from([(model.initial(), BTreeSet::new())]);
    let mut looked_at = 0;
    for (_, returns, i) in events {
        if !returns {
            open.insert(i);
            continue;
        }
        let left = budget.saturating_sub(looked_at);
        let Some(reached) = with_effect_of(i, model, calls, &open, configurations, left) else {
            return Outcome::Undecided;
        };
        open.remove(&i);
        configurations = reached.with_effect;
        looked_at += reached.looked_at;
        if configurations.is_empty() {
            return Outcome::Stuck(i);
        }
    }
    Outcome::Linearizable
}

struct Reached<S> {
    /// The configurations in which the call has taken effect, without the call itself.
    with_effect: BTreeSet<Configuration<S>>,
    looked_at: usize,
}

/// Every configuration in which call `i` has taken effect, after any of the other open calls; `None`
/// if there are more than `budget` on the way.
fn with_effect_of<M: Model>(
    i: usize,
    model: &M,
    calls: &[Call<M::Op>],
    open: &BTreeSet<usize>,
    configurations: BTreeSet<Configuration<M::State>>,
    budget: usize,
) -> Option<Reached<M::State>> {
    let mut seen = configurations.clone();
    let mut next: Vec<Configuration<M::State>> = configurations.into_iter().collect();
    let mut with_effect = BTreeSet::new();
    while let Some((state, mut effective)) = next.pop() {
        if seen.len() > budget {
            return None;
        }
        if effective.remove(&i) {
            with_effect.insert((state, effective));
            continue;
        }
        for &call in open.difference(&effective) {
            for state in model.step(&state, &calls[call].op) {
                let mut effective = effective.clone();
                effective.insert(call);
                let configuration = (state, effective);
                if seen.insert(configuration.clone()) {
                    next.push(configuration);
                }
            }
        }
    }
    Some(Reached {
        looked_at: seen.len(),
        with_effect,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A register; `Some(v)` writes and `None` reads, each with the value that is there afterwards.
    struct Register;

    impl Model for Register {
        type State = u32;
        type Op = (bool, u32);

        fn initial(&self) -> u32 {
            0
        }

        fn step(&self, state: &u32, &(writes, value): &(bool, u32)) -> Vec<u32> {
            match writes || *state == value {
                true => vec![value],
                false => Vec::new(),
            }
        }
    }

    fn call(op: (bool, u32), invoked: usize, returned: Option<usize>) -> Call<(bool, u32)> {
        Call {
            op,
            invoked,
            returned,
        }
    }

    #[test]
    fn read_that_overlaps_a_write_may_see_either_value() {
        for seen in [0, 1] {
            let calls = [call((true, 1), 0, Some(3)), call((false, seen), 1, Some(2))];
            assert_eq!(linearize(&Register, &calls, 100), Outcome::Linearizable);
        }
    }

    #[test]
    fn read_after_a_write_must_see_it() {
        let calls = [call((true, 1), 0, Some(1)), call((false, 0), 2, Some(3))];
        assert_eq!(linearize(&Register, &calls, 100), Outcome::Stuck(1));
    }

    #[test]
    fn unanswered_write_may_take_effect_at_any_time_or_never() {
        for seen in [[0, 0], [0, 1], [1, 1]] {
            let mut calls = vec![call((true, 1), 0, None)];
            calls.extend((0..2).map(|i| call((false, seen[i]), 2 * i + 1, Some(2 * i + 2))));
            assert_eq!(linearize(&Register, &calls, 100), Outcome::Linearizable);
        }
        let undone = [
            call((true, 1), 0, None),
            call((false, 1), 1, Some(2)),
            call((false, 0), 3, Some(4)),
        ];
        assert_eq!(linearize(&Register, &undone, 100), Outcome::Stuck(2));
    }

    #[test]
    fn search_that_spends_its_budget_is_undecided() {
        let mut calls: Vec<_> = (0..12).map(|i| call((true, i), 0, None)).collect();
        calls.push(call((false, 99), 1, Some(2)));
        calls.insert(0, call((true, 99), 0, Some(1)));
        assert_eq!(linearize(&Register, &calls, 10), Outcome::Undecided);
    }
}
