//! Generators that combine others: the building blocks of workloads.

use std::time::Duration;

use rand::RngExt;

use super::{Generator, Invocation, Next, Stream, Turn};
use crate::history::Operation;
use crate::seed::ChaCha8Rng;

/// Draws each operation from one of several streams, each with a probability that is proportional
/// to its weight.
///
/// ```
/// use eddy::edn::Value;
/// use eddy::generator::{Invocation, Mix, Stream};
/// use eddy::seed::{ChaCha8Rng, Seed};
///
/// let mut reads_and_writes = Mix::default()
///     .add(3, |_: &mut ChaCha8Rng| Invocation::new("read", Value::Nil))
///     .add(1, |_: &mut ChaCha8Rng| Invocation::new("write", 7));
/// let mut rng = Seed(1).stream("generator");
/// let reads = (0..1000).filter(|_| reads_and_writes.draw(&mut rng).f == "read").count();
/// assert!((700..800).contains(&reads));
/// ```
#[derive(Default)]
pub struct Mix {
    streams: Vec<(u32, Box<dyn Stream>)>,
    total: u32,
}

impl Mix {
    /// Adds a stream with its weight, which must be above 0.
    ///
    /// # Panics
    ///
    /// If the weight is 0.
    pub fn add(mut self, weight: u32, stream: impl Stream + 'static) -> Mix {
        assert!(weight > 0, "a stream of weight 0 is never drawn");
        self.total += weight;
        self.streams.push((weight, Box::new(stream)));
        self
    }
}

impl Stream for Mix {
    /// # Panics
    ///
    /// If there are no streams.
    fn draw(&mut self, rng: &mut ChaCha8Rng) -> Invocation {
        let mut at = rng.random_range(0..self.total);
        for (weight, stream) in &mut self.streams {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return stream.draw(rng),
            }
        }
        unreachable!("the weights add up to their total")
    }
}

/// Draws operations from a stream, and leaves out those that do not satisfy a condition.
///
/// The stream must contain operations that satisfy it, since a draw repeats until it finds one.
///
/// ```
/// use eddy::generator::{Filter, Invocation, Stream};
/// use eddy::seed::{ChaCha8Rng, Seed};
///
/// let mut n = 0;
/// let numbers = move |_: &mut ChaCha8Rng| {
///     n += 1;
///     Invocation::new("add", n)
/// };
/// let mut even = Filter::new(numbers, |add| add.value.as_int().is_some_and(|n| n % 2 == 0));
/// let mut rng = Seed(1).stream("generator");
/// assert_eq!(even.draw(&mut rng).value.as_int(), Some(2));
/// assert_eq!(even.draw(&mut rng).value.as_int(), Some(4));
/// ```
pub struct Filter<S, F> {
    stream: S,
    condition: F,
}

impl<S: Stream, F: FnMut(&Invocation) -> bool> Filter<S, F> {
    /// Leaves out the operations of `stream` that do not satisfy `condition`.
    pub fn new(stream: S, condition: F) -> Filter<S, F> {
        Filter { stream, condition }
    }
}

impl<S: Stream, F: FnMut(&Invocation) -> bool> Stream for Filter<S, F> {
    fn draw(&mut self, rng: &mut ChaCha8Rng) -> Invocation {
        loop {
            let invocation = self.stream.draw(rng);
            if (self.condition)(&invocation) {
                return invocation;
            }
        }
    }
}

/// Performs a given number of operations of a generator, and no more.
///
/// ```
/// use eddy::edn::Value;
/// use eddy::generator::{AnyThread, Invocation, Limit, Stagger};
/// use eddy::seed::ChaCha8Rng;
///
/// // A hundred reads, ten a second.
/// let read = |_: &mut ChaCha8Rng| Invocation::new("read", Value::Nil);
/// let hundred_reads = Limit::new(100, Stagger::new(10.0, AnyThread(read)));
/// # let _: Box<dyn eddy::generator::Generator> = Box::new(hundred_reads);
/// ```
pub struct Limit<G> {
    left: u64,
    inner: G,
}

impl<G: Generator> Limit<G> {
    /// Ends `inner` after `count` operations.
    pub fn new(count: u64, inner: G) -> Limit<G> {
        Limit { left: count, inner }
    }
}

impl<G: Generator> Generator for Limit<G> {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        if self.left == 0 {
            return Next::Done;
        }
        let next = self.inner.next(turn);
        if matches!(next, Next::Invoke { .. }) {
            self.left -= 1;
        }
        next
    }

    fn observe(&mut self, operation: &Operation) {
        self.inner.observe(operation);
    }
}

/// Performs the operations of a generator for a duration that begins with the first turn.
///
/// ```
/// use std::time::Duration;
/// use eddy::generator::{AnyThread, For, Invocation, Stagger, Then};
/// use eddy::seed::ChaCha8Rng;
///
/// // Ten writes a second for 5 s, and then a hundred a second.
/// let write = |_: &mut ChaCha8Rng| Invocation::new("write", 1);
/// let slow = Stagger::new(10.0, AnyThread(write));
/// let fast = Stagger::new(100.0, AnyThread(write));
/// let load = Then::new(For::new(Duration::from_secs(5), slow), fast);
/// # let _: Box<dyn eddy::generator::Generator> = Box::new(load);
/// ```
pub struct For<G> {
    duration: Duration,
    end: Option<Duration>,
    inner: G,
}

impl<G: Generator> For<G> {
    /// Ends `inner` after `duration`.
    pub fn new(duration: Duration, inner: G) -> For<G> {
        For {
            duration,
            end: None,
            inner,
        }
    }
}

impl<G: Generator> Generator for For<G> {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        let end = *self.end.get_or_insert(turn.now + self.duration);
        if turn.now >= end {
            return Next::Done;
        }
        match self.inner.next(turn) {
            Next::Wait(until) => Next::Wait(Some(until.map_or(end, |until| until.min(end)))),
            next => next,
        }
    }

    fn observe(&mut self, operation: &Operation) {
        self.inner.observe(operation);
    }
}

/// Performs the operations of one generator, and then those of another. The second may begin while
/// operations of the first are in progress.
///
/// ```
/// use eddy::edn::Value;
/// use eddy::generator::{AnyThread, Invocation, Limit, OncePerThread, Stagger, Then};
/// use eddy::seed::ChaCha8Rng;
///
/// // Every thread reads once before fifty adds begin.
/// let read = OncePerThread::new(Invocation::new("read", Value::Nil));
/// let add = |_: &mut ChaCha8Rng| Invocation::new("add", 1);
/// let load = Then::new(read, Limit::new(50, Stagger::new(5.0, AnyThread(add))));
/// # let _: Box<dyn eddy::generator::Generator> = Box::new(load);
/// ```
pub struct Then<A, B> {
    first: Option<A>,
    second: B,
}

impl<A: Generator, B: Generator> Then<A, B> {
    /// Performs `second` after `first`.
    pub fn new(first: A, second: B) -> Then<A, B> {
        Then {
            first: Some(first),
            second,
        }
    }
}

impl<A: Generator, B: Generator> Generator for Then<A, B> {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        if let Some(first) = &mut self.first {
            match first.next(turn) {
                Next::Done => self.first = None,
                next => return next,
            }
        }
        self.second.next(turn)
    }

    fn observe(&mut self, operation: &Operation) {
        if let Some(first) = &mut self.first {
            first.observe(operation);
        }
        self.second.observe(operation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::{AnyThread, Stagger, Threads};
    use crate::seed::Seed;

    fn ops(f: &'static str) -> impl Stream {
        move |_: &mut ChaCha8Rng| Invocation::new(f, 0)
    }

    /// Returns the functions of all operations up to `end`, with the second in which each is due.
    fn run(mut generator: impl Generator, end: Duration) -> (Vec<(String, u64)>, bool) {
        let mut threads = Threads::new(1);
        let mut rng = Seed(1).stream("generator");
        let (mut now, mut seen) = (Duration::ZERO, Vec::new());
        while now < end {
            let mut turn = Turn {
                now,
                threads: &threads,
                rng: &mut rng,
            };
            match generator.next(&mut turn) {
                Next::Invoke {
                    thread, invocation, ..
                } => {
                    seen.push((invocation.f.into_owned(), now.as_secs()));
                    threads.dispatch(Some(thread));
                    threads.release(thread, false);
                }
                Next::Wait(until) => now = until.expect("a time to ask again"),
                Next::Done => return (seen, true),
            }
        }
        (seen, false)
    }

    #[test]
    fn limit_ends_after_its_number_of_operations() {
        let (seen, is_done) = run(Limit::new(3, AnyThread(ops("a"))), Duration::from_secs(1));
        assert_eq!((seen.len(), is_done), (3, true));
    }

    #[test]
    fn phases_follow_one_another_at_their_times() {
        let secs = Duration::from_secs;
        let slow = For::new(secs(5), Stagger::new(10.0, AnyThread(ops("slow"))));
        let fast = For::new(secs(2), Stagger::new(100.0, AnyThread(ops("fast"))));
        let (seen, is_done) = run(Then::new(slow, fast), secs(60));
        assert!(is_done);
        let count = |f: &str| seen.iter().filter(|(name, _)| name == f).count();
        assert!((30..70).contains(&count("slow")), "{}", count("slow"));
        assert!((150..250).contains(&count("fast")), "{}", count("fast"));
        let in_time = |(f, at): &(String, u64)| (f == "slow") == (*at < 5) && *at < 7;
        assert!(seen.iter().all(in_time));
    }
}
