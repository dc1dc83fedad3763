//! What a correct object does, one operation at a time: the sequential specification.

use std::fmt::Debug;
use std::hash::Hash;

/// An object whose every operation asks for one state, or accepts any, and leaves one state behind,
/// or the one that it found.
///
/// Registers, locks and leader slots are of this kind. Saying *which* state an operation asks for,
/// rather than only testing a given one, is what lets the search work backwards: from the
/// operation that is stuck to the unanswered operations that could free it.
pub trait Model {
    /// A state, cheap to copy: intern what is large.
    type State: Copy + Eq + Ord + Hash + Debug;
    /// An operation together with its result. Equal operations are interchangeable.
    type Op: Copy + Eq + Ord + Debug;

    /// The one state in which `op` can have this result; `None` if it can in every state.
    fn needs(&self, op: Self::Op) -> Option<Self::State>;

    /// The state that `op` leaves behind; `None` if it leaves every state as it is.
    fn sets(&self, op: Self::Op) -> Option<Self::State>;

    /// The state after `op`, or `None` if it cannot have this result in `state`.
    fn step(&self, state: Self::State, op: Self::Op) -> Option<Self::State> {
        match self.needs(op) {
            Some(needed) if needed != state => None,
            _ => Some(self.sets(op).unwrap_or(state)),
        }
    }
}

/// The number that stands for a value of the register.
pub type Symbol = u32;

/// An operation on a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RegisterOp {
    /// A read that returned this value.
    Read(Symbol),
    /// A write of this value.
    Write(Symbol),
    /// A compare-and-set from the first value to the second, which took place.
    Cas(Symbol, Symbol),
}

/// A register with reads, writes and compare-and-set.
#[derive(Clone, Copy, Debug)]
pub struct Register;

impl Model for Register {
    type State = Symbol;
    type Op = RegisterOp;

    fn needs(&self, op: RegisterOp) -> Option<Symbol> {
        match op {
            RegisterOp::Read(value) | RegisterOp::Cas(value, _) => Some(value),
            RegisterOp::Write(_) => None,
        }
    }

    fn sets(&self, op: RegisterOp) -> Option<Symbol> {
        match op {
            RegisterOp::Read(_) => None,
            // A set to the same value changes nothing, so it is as free to place as a read.
            RegisterOp::Cas(from, to) => (from != to).then_some(to),
            RegisterOp::Write(value) => Some(value),
        }
    }
}
