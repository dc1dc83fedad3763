//! Generators: which operation is invoked next, by which thread, and when.
//!
//! A generator is asked whenever something changed: it answers with an operation that is due, with
//! the time at which it wants to be asked again, or that it is done. It sees completions through
//! [`Generator::observe`].

mod each_node;
mod keys;
mod threads;

use std::borrow::Cow;
use std::time::Duration;

use rand::RngExt;

pub use each_node::EachNode;
pub use keys::{Access, KeyPool};
pub use threads::Threads;

use crate::edn::Value;
use crate::history::Operation;
use crate::seed::ChaCha8Rng;

/// What a client is asked to do.
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
    /// An invocation of `f` with `value`.
    pub fn new(f: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Invocation {
        Invocation {
            f: f.into(),
            value: value.into(),
            extra: Vec::new(),
        }
    }

    /// The same with a further entry, such as `:final? true`.
    pub fn with(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Value>,
    ) -> Invocation {
        self.extra.push((name.into(), value.into()));
        self
    }
}

/// The moment at which a generator is asked.
pub struct Turn<'a> {
    /// Time since the run's origin.
    pub now: Duration,
    /// The client threads: which are free, and what process each of them is.
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
        /// When it was due; not later than now.
        at: Duration,
        /// The operation.
        invocation: Invocation,
    },
    /// Nothing is due: ask again when something completed, or at the given time.
    Wait(Option<Duration>),
    /// There will never be anything again.
    Done,
}

/// A source of operations.
pub trait Generator {
    /// The next operation. An `Invoke` is final: the caller performs it.
    fn next(&mut self, turn: &mut Turn<'_>) -> Next;

    /// Tells the generator of an entry that was added to the history.
    fn observe(&mut self, _operation: &Operation) {}
}

/// Operations that any free thread may perform, at once: the stuff that [`Stagger`] spaces out.
pub trait Stream {
    /// The next operation.
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
/// The first operation is due at once. An operation that could not start when it was due (no
/// thread was free) starts as soon as it can, and the schedule goes on from there: lost time is not
/// caught up.
pub struct Stagger<G> {
    inner: G,
    /// None if there is no rate, and nothing ever due.
    gap_max: Option<Duration>,
    next_at: Option<Duration>,
    /// The inner generator had nothing when we were due.
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
                // We may be asked a little after we were due; that is no reason to drift.
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

/// One operation per thread, each as soon as its thread is free.
pub struct OncePerThread {
    invocation: Invocation,
    done: Vec<bool>,
}

impl OncePerThread {
    /// Every thread performs `invocation` once.
    pub fn new(invocation: Invocation) -> OncePerThread {
        OncePerThread {
            invocation,
            done: Vec::new(),
        }
    }
}

impl Generator for OncePerThread {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        self.done.resize(turn.threads.len(), false);
        let open: Vec<usize> = (0..self.done.len())
            .filter(|&thread| !self.done[thread])
            .collect();
        if open.is_empty() {
            return Next::Done;
        }
        match turn
            .threads
            .random_free(turn.rng, |thread| !self.done[thread])
        {
            Some(thread) => {
                self.done[thread] = true;
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

/// Every thread performs operations of its own, whichever is free first; ties are drawn.
pub struct EachThread<S>(pub S);

impl<S: Stream> Generator for EachThread<S> {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        match turn.threads.random_free(turn.rng, |_| true) {
            Some(thread) => Next::Invoke {
                thread,
                at: turn.now,
                invocation: self.0.draw(turn.rng),
            },
            None => Next::Wait(None),
        }
    }
}
