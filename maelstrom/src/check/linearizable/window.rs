//! The shortest stretch of a history that shows why it cannot be ordered.
//!
//! A stretch stands on its own if it cannot be ordered *whatever* the register held before it, and
//! even if calls from before it take effect inside it as it suits. Most anomalies have such a
//! stretch of two or three operations, wherever in a long history they happened: a write, and the
//! read that missed it.

use std::collections::BTreeSet;

use super::model::{Model, Register, RegisterOp, Symbol};
use super::problem::{Call, Problem};
use super::register::NIL;
use super::search::{Outcome, search};

/// A value that no operation mentions.
const OTHER: Symbol = Symbol::MAX;

/// What one attempt may cost, in configurations: a proof that takes more is none that a reader
/// could follow.
const BUDGET: usize = 20_000;

/// The longest stretches tried, in operations.
const LONGEST: usize = 32;

/// Operations that cannot be ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Those that were invoked and answered inside, in the order of their invocations. The last to
    /// return is the one that has no place.
    pub calls: Vec<usize>,
    /// Those that may take effect inside, or before, or after, or never: they were invoked
    /// earlier, or not answered by the end.
    pub perhaps: Vec<usize>,
    /// Whether it starts with the history, when the register is nil, or may start from any state.
    pub from_start: bool,
}

/// Finds the shortest stretch that ends with the return of `stuck` and cannot be ordered, and
/// leaves out what adds nothing to it. `None` if none of the lengths tried will do.
pub(super) fn shortest(calls: &[Call<RegisterOp>], stuck: usize) -> Option<Window> {
    let end = calls[stuck]
        .returned
        .expect("only a call that returned can be stuck");
    let before: Vec<usize> = (0..calls.len())
        .filter(|&call| calls[call].invoked < end)
        .collect();
    let returns = before.iter().filter_map(|&call| calls[call].returned);
    let mut returns: Vec<usize> = returns.filter(|&at| at <= end).collect();
    returns.sort_unstable();
    let mut window = (1..=returns.len().min(LONGEST)).find_map(|length| {
        // Right after the return of the operation before the stretch.
        let start = returns
            .len()
            .checked_sub(length + 1)
            .map(|last| returns[last] + 1);
        let window = Window::between(start, end, calls, &before);
        window.cannot_be_ordered(calls).then_some(window)
    })?;
    for call in window.calls.clone() {
        if call != stuck && Register.sets(calls[call].op).is_none() {
            let without = window
                .calls
                .iter()
                .copied()
                .filter(|&other| other != call)
                .collect();
            let smaller = Window {
                calls: without,
                ..window.clone()
            };
            if smaller.cannot_be_ordered(calls) {
                window = smaller;
            }
        }
    }
    let (problem, ids) = window.problem(calls);
    let members = problem.optional.iter().flat_map(|class| &class.members);
    window.perhaps = members.map(|&(_, call)| ids[call]).collect();
    window.perhaps.sort_by_key(|&call| calls[call].invoked);
    Some(window)
}

impl Window {
    /// The stretch from a moment, or from the very beginning, to the end.
    fn between(
        start: Option<usize>,
        end: usize,
        calls: &[Call<RegisterOp>],
        before: &[usize],
    ) -> Window {
        let from = start.unwrap_or(0);
        let (calls, perhaps) = before
            .iter()
            .filter(|&&call| calls[call].returned.is_none_or(|at| at >= from))
            .partition(|&&call| {
                let Call {
                    invoked, returned, ..
                } = calls[call];
                invoked >= from && returned.is_some_and(|at| at <= end)
            });
        Window {
            calls,
            perhaps,
            from_start: start.is_none(),
        }
    }

    /// Whether the operations could be ordered if one more had, perhaps, taken effect.
    pub fn would_be_ordered_with(
        &self,
        calls: &[Call<RegisterOp>],
        another: Call<RegisterOp>,
    ) -> bool {
        let moments = self.calls.iter().map(|&call| calls[call].invoked);
        let starts = moments.min().unwrap_or(0);
        // One that was over before may have taken effect before, and explains nothing.
        if another.returned.is_some_and(|at| at < starts) {
            return false;
        }
        let calls = [calls, &[another]].concat();
        let mut window = self.clone();
        window.perhaps.push(calls.len() - 1);
        !window.cannot_be_ordered(&calls)
    }

    /// The operations as a problem of their own, with the call that each of its calls stands for.
    fn problem(&self, calls: &[Call<RegisterOp>]) -> (Problem<Register>, Vec<usize>) {
        let inside = self.calls.iter().map(|&call| calls[call]);
        let perhaps = self.perhaps.iter().map(|&call| Call {
            returned: None,
            ..calls[call]
        });
        let own: Vec<_> = inside.chain(perhaps).collect();
        let ids = [self.calls.as_slice(), &self.perhaps].concat();
        (Problem::new(Register, &own), ids)
    }

    fn cannot_be_ordered(&self, calls: &[Call<RegisterOp>]) -> bool {
        let (problem, _) = self.problem(calls);
        let mut states = BTreeSet::from([NIL]);
        if !self.from_start {
            let required = problem.required.iter().map(|call| call.op);
            let optional = problem.optional.iter().map(|class| class.op);
            states.extend(required.chain(optional).filter_map(|op| Register.needs(op)));
            states.insert(OTHER);
        }
        matches!(search(&problem, states, BUDGET), Outcome::Stuck(_))
    }
}
