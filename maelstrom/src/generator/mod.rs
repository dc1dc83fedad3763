//! Generators: they decide which operation is invoked next, by which thread, and when.
//!
//! A [`Generator`] is asked whenever something changed: it returns an operation that is due, the time
//! at which to ask again, or that it is done. It sees completions through [`Generator::observe`]. A
//! [`Stream`] is simpler: it only draws operations, without threads and times.
//!
//! Workloads combine them: a stream ([`Mix`], [`Filter`], or a closure) is given to threads
//! ([`AnyThread`], [`EachThread`]), spaced out ([`Stagger`]), and bounded or followed by others
//! ([`Limit`], [`For`], [`Then`], [`OncePerThread`]).

mod combine;
mod each_node;
mod keys;
mod threads;

use std::borrow::Cow;
use std::time::Duration;

use rand::RngExt;

pub use combine::{Filter, For, Limit, Mix, Then};
pub use each_node::EachNode;
pub use keys::{Access, KeyPool};
pub use threads::Threads;

use crate::edn::Value;
use crate::history::Operation;
use crate::seed::ChaCha8Rng;

/// An operation for a client to perform.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// The function, such as `read`.
    pub f: Cow<'static, str>,
    /// Its argument.
    pub value: Value,
    /// Further entries of the operation in the history, such as `final?`.
    pub extra: Vec<(Cow<'static, str>, Value)>,
}

impl Invocation {
    /// Creates an invocation of `f` with `value`.
    pub fn new(f: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Invocation {
        Invocation {
            f: f.into(),
            value: value.into(),
            extra: Vec::new(),
        }
    }

    /// Adds a further entry, such as `:final? true`.
    pub fn with(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Value>,
    ) -> Invocation {
        self.extra.push((name.into(), value.into()));
        self
    }
}

/// The state of a run at the moment when a generator is asked.
#[non_exhaustive]
pub struct Turn<'a> {
    /// Time since the run's origin.
    pub now: Duration,
    /// The client threads: which are free, and the process of each.
    pub threads: &'a Threads,
    /// The generator's randomness.
    pub rng: &'a mut ChaCha8Rng,
}

/// A generator's answer.
#[derive(Debug)]
pub enum Next {
    /// This operation is due.
    Invoke {
        /// The thread that performs it; it is free.
        thread: usize,
        /// The time at which it was due; not later than now.
        at: Duration,
        /// The operation.
        invocation: Invocation,
    },
    /// Nothing is due. Ask again when an operation completes, or at the given time.
    Wait(Option<Duration>),
    /// There will never be another operation.
    Done,
}

/// A source of operations.
pub trait Generator {
    /// Returns the next operation. An `Invoke` is final: the caller performs it.
    fn next(&mut self, turn: &mut Turn<'_>) -> Next;

    /// Observes an entry that was added to the history.
    fn observe(&mut self, _operation: &Operation) {}
}

/// A source of operations that any free thread may perform at any time.
pub trait Stream {
    /// Returns the next operation.
    fn draw(&mut self, rng: &mut ChaCha8Rng) -> Invocation;
}

impl<F: FnMut(&mut ChaCha8Rng) -> Invocation> Stream for F {
    fn draw(&mut self, rng: &mut ChaCha8Rng) -> Invocation {
        self(rng)
    }
}

/// Gives the operations of a stream to the next free thread in rotation.
pub struct AnyThread<S>(pub S);

impl<S: Stream> Generator for AnyThread<S> {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        match turn.threads.next_free() {
            Some(thread) => Next::Invoke {
                thread,
                at: turn.now,
                invocation: self.0.draw(turn.rng),
            },
            None => Next::Wait(None),
        }
    }
}

/// Spaces operations out: gaps are uniform in [0, 2 / rate), over all threads together.
///
/// The first operation is due at once. If no thread is free when an operation is due, the operation
/// starts as soon as one is, and the schedule continues from there without making up for the delay.
pub struct Stagger<G> {
    inner: G,
    /// The longest gap; `None` at a rate of 0, where no operation is ever due.
    gap_max: Option<Duration>,
    next_at: Option<Duration>,
    /// Whether the inner generator had nothing when an operation was due.
    held_up: bool,
}

impl<G> Stagger<G> {
    /// Spaces `inner` out to `rate` operations a second. At a rate of 0 there are none.
    pub fn new(rate: f64, inner: G) -> Stagger<G> {
        Stagger {
            inner,
            gap_max: Duration::try_from_secs_f64(2.0 / rate).ok(),
            next_at: None,
            held_up: false,
        }
    }
}

impl<G: Generator> Generator for Stagger<G> {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        let Some(gap_max) = self.gap_max else {
            return Next::Wait(None);
        };
        let due = *self.next_at.get_or_insert(turn.now);
        if turn.now < due {
            return Next::Wait(Some(due));
        }
        match self.inner.next(turn) {
            Next::Invoke {
                thread, invocation, ..
            } => {
                // The call may come a little late, which must not shift the schedule.
                let at = if self.held_up { turn.now } else { due };
                self.held_up = false;
                self.next_at = Some(at + gap_max.mul_f64(turn.rng.random::<f64>()));
                Next::Invoke {
                    thread,
                    at,
                    invocation,
                }
            }
            Next::Wait(until) => {
                self.held_up = true;
                Next::Wait(until)
            }
            Next::Done => Next::Done,
        }
    }

    fn observe(&mut self, operation: &Operation) {
        self.inner.observe(operation);
    }
}

/// Performs one operation per thread, each as soon as its thread is free.
pub struct OncePerThread {
    invocation: Invocation,
    /// Whether each thread has begun it.
    has_begun: Vec<bool>,
    begun: usize,
}

impl OncePerThread {
    /// Lets every thread perform `invocation` once.
    pub fn new(invocation: Invocation) -> OncePerThread {
        OncePerThread {
            invocation,
            has_begun: Vec::new(),
            begun: 0,
        }
    }
}

impl Generator for OncePerThread {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        self.has_begun.resize(turn.threads.len(), false);
        if self.begun == self.has_begun.len() {
            return Next::Done;
        }
        let is_open = |thread: usize| !self.has_begun[thread];
        match turn.threads.random_free_among(turn.rng, is_open) {
            Some(thread) => {
                self.has_begun[thread] = true;
                self.begun += 1;
                Next::Invoke {
                    thread,
                    at: turn.now,
                    invocation: self.invocation.clone(),
                }
            }
            None => Next::Wait(None),
        }
    }
}

/// Gives the operations of a stream to a free thread, drawn at random if there are several.
pub struct EachThread<S>(pub S);

impl<S: Stream> Generator for EachThread<S> {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        match turn.threads.random_free(turn.rng) {
            Some(thread) => Next::Invoke {
                thread,
                at: turn.now,
                invocation: self.0.draw(turn.rng),
            },
            None => Next::Wait(None),
        }
    }
}
