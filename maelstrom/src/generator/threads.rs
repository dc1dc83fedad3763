//! The client threads of a run, and who is next.

use rand::seq::IteratorRandom;

use crate::seed::ChaCha8Rng;

/// Which threads are free, the process each of them currently is, and the cursor that hands out
/// work.
#[derive(Clone, Debug)]
pub struct Threads {
    busy: Vec<bool>,
    process: Vec<u64>,
    /// Advances by one on every dispatch, over the clients and the nemesis. It does not jump to
    /// the thread that was chosen, so low threads get more work when all are free: as upstream.
    cursor: usize,
}

impl Threads {
    /// `count` free threads; thread *i* is process *i*.
    pub fn new(count: usize) -> Threads {
        Threads {
            busy: vec![false; count],
            process: (0..count as u64).collect(),
            cursor: 0,
        }
    }

    /// How many threads there are.
    pub fn len(&self) -> usize {
        self.busy.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.busy.is_empty()
    }

    /// Whether a thread is free.
    pub fn is_free(&self, thread: usize) -> bool {
        !self.busy[thread]
    }

    /// Whether every thread is free.
    pub fn all_free(&self) -> bool {
        !self.busy.contains(&true)
    }

    /// The process that a thread currently is.
    pub fn process(&self, thread: usize) -> u64 {
        self.process[thread]
    }

    /// The thread that currently is `process`.
    pub fn thread_of(&self, process: u64) -> Option<usize> {
        let thread = usize::try_from(process % self.process.len() as u64).ok()?;
        (self.process[thread] == process).then_some(thread)
    }

    /// The free thread at or after the cursor, cyclically.
    pub fn next_free(&self) -> Option<usize> {
        self.next_free_among(|_| true)
    }

    /// The free thread at or after the cursor, cyclically, among those that `admits` admits.
    pub fn next_free_among(&self, admits: impl Fn(usize) -> bool) -> Option<usize> {
        let free = |thread: &usize| self.is_free(*thread) && admits(*thread);
        (self.cursor..self.len())
            .find(free)
            .or_else(|| (0..self.cursor.min(self.len())).find(free))
    }

    /// A free thread drawn uniformly from those that `admits` admits.
    pub fn random_free(
        &self,
        rng: &mut ChaCha8Rng,
        admits: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        (0..self.len())
            .filter(|&thread| self.is_free(thread) && admits(thread))
            .choose(rng)
    }

    /// Notes that an operation was given to somebody: to a client thread, or to the nemesis (none).
    pub fn dispatch(&mut self, thread: Option<usize>) {
        if let Some(thread) = thread {
            assert!(
                !self.busy[thread],
                "thread {thread} was given work while it is busy"
            );
            self.busy[thread] = true;
        }
        self.cursor = (self.cursor + 1) % (self.len() + 1);
    }

    /// Notes that a thread's operation completed. After an `info` it goes on as a new process.
    pub fn release(&mut self, thread: usize, crashed: bool) {
        self.busy[thread] = false;
        if crashed {
            self.process[thread] += self.busy.len() as u64;
        }
    }
}
