//! The client threads of a run: which are free, and which is next.

use rand::RngExt;
use rand::seq::IteratorRandom;

use crate::seed::ChaCha8Rng;

/// The client threads: which are free, the process of each, and the cursor that distributes work.
#[derive(Clone, Debug)]
pub struct Threads {
    /// One bit for each thread, so that a query about a thousand threads reads sixteen words.
    free: Vec<u64>,
    free_count: usize,
    process: Vec<u64>,
    /// Advances by one on every dispatch, over the clients and the nemesis. As upstream, it does
    /// not jump to the thread that was chosen, so low threads get more work when all are free.
    cursor: usize,
}

/// The number of threads in a word of bits.
const WORD: usize = u64::BITS as usize;

impl Threads {
    /// Creates `count` free threads; thread *i* is process *i*.
    pub fn new(count: usize) -> Threads {
        let mut free = vec![0; count.div_ceil(WORD)];
        (0..count).for_each(|thread| free[thread / WORD] |= 1 << (thread % WORD));
        Threads {
            free,
            free_count: count,
            process: (0..count as u64).collect(),
            cursor: 0,
        }
    }

    /// Returns how many threads there are.
    pub fn len(&self) -> usize {
        self.process.len()
    }

    /// Returns whether there are no threads.
    pub fn is_empty(&self) -> bool {
        self.process.is_empty()
    }

    /// Returns whether a thread is free.
    pub fn is_free(&self, thread: usize) -> bool {
        self.free[thread / WORD] >> (thread % WORD) & 1 == 1
    }

    /// Returns whether every thread is free.
    pub fn all_free(&self) -> bool {
        self.free_count == self.len()
    }

    /// Returns the process that a thread currently is.
    pub fn process(&self, thread: usize) -> u64 {
        self.process[thread]
    }

    /// Returns the thread that currently is `process`.
    pub fn thread_of(&self, process: u64) -> Option<usize> {
        let thread = usize::try_from(process % self.process.len() as u64).ok()?;
        (self.process[thread] == process).then_some(thread)
    }

    /// Returns the free thread at or after the cursor, cyclically.
    pub fn next_free(&self) -> Option<usize> {
        self.next_free_among(|_| true)
    }

    /// Returns the free thread at or after the cursor, cyclically, among those that `admits` admits.
    pub fn next_free_among(&self, admits: impl Fn(usize) -> bool) -> Option<usize> {
        let from_cursor = self.free_from(self.cursor);
        let from_start = self.free_from(0).take_while(|&thread| thread < self.cursor);
        from_cursor.chain(from_start).find(|&thread| admits(thread))
    }

    /// Returns a free thread, each with the same probability.
    pub fn random_free(&self, rng: &mut ChaCha8Rng) -> Option<usize> {
        if self.free_count == 0 {
            return None;
        }
        let mut skip = rng.random_range(0..self.free_count);
        for (word, &bits) in self.free.iter().enumerate() {
            let count = bits.count_ones() as usize;
            if skip < count {
                return ones(bits).nth(skip).map(|bit| word * WORD + bit);
            }
            skip -= count;
        }
        unreachable!("as many bits are set as threads are free")
    }

    /// Returns a free thread that `admits` admits, each with the same probability. Looks at every
    /// free thread.
    pub fn random_free_among(
        &self,
        rng: &mut ChaCha8Rng,
        admits: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        self.free_from(0)
            .filter(|&thread| admits(thread))
            .choose(rng)
    }

    /// The free threads from `start` on, in order.
    fn free_from(&self, start: usize) -> impl Iterator<Item = usize> {
        let words = self.free.iter().enumerate().skip(start / WORD);
        words
            .flat_map(|(word, &bits)| ones(bits).map(move |bit| word * WORD + bit))
            .skip_while(move |&thread| thread < start)
    }

    /// Records that an operation was given to a client thread, or to the nemesis (`None`).
    pub fn dispatch(&mut self, thread: Option<usize>) {
        if let Some(thread) = thread {
            assert!(
                self.is_free(thread),
                "thread {thread} was given work while it is busy"
            );
            self.free[thread / WORD] &= !(1 << (thread % WORD));
            self.free_count -= 1;
        }
        self.cursor = (self.cursor + 1) % (self.len() + 1);
    }

    /// Records that a thread's operation completed. After an `info` it continues as a new process.
    pub fn release(&mut self, thread: usize, crashed: bool) {
        assert!(!self.is_free(thread), "thread {thread} was not busy");
        self.free[thread / WORD] |= 1 << (thread % WORD);
        self.free_count += 1;
        if crashed {
            self.process[thread] += self.len() as u64;
        }
    }
}

/// The positions of the bits that are set.
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = bits.trailing_zeros() as usize;
        bits &= bits.checked_sub(1)?;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn bit_set_answers_like_a_plain_list() {
        let mut rng = Seed(1).stream("threads");
        for count in [1, 3, 64, 65, 200] {
            let mut threads = Threads::new(count);
            let mut busy = vec![false; count];
            for _ in 0..500 {
                let free: Vec<usize> = (0..count).filter(|&thread| !busy[thread]).collect();
                let cursor = threads.cursor;
                let next = free.iter().find(|&&thread| thread >= cursor);
                assert_eq!(threads.next_free(), next.or(free.first()).copied());
                assert_eq!(threads.all_free(), free.len() == count);
                let odd = threads.random_free_among(&mut rng, |thread| thread % 2 == 1);
                assert!(odd.is_none_or(|thread| thread % 2 == 1 && !busy[thread]));
                match threads.random_free(&mut rng) {
                    Some(thread) if rng.random() => {
                        threads.dispatch(Some(thread));
                        busy[thread] = true;
                    }
                    drawn => {
                        assert_eq!(drawn.is_none(), free.is_empty());
                        let thread = rng.random_range(0..count);
                        if std::mem::take(&mut busy[thread]) {
                            threads.release(thread, false);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_free_thread_is_drawn_equally_often() {
        let mut rng = Seed(2).stream("threads");
        let mut threads = Threads::new(70);
        (0..66).for_each(|thread| threads.dispatch(Some(thread)));
        let mut drawn = [0; 4];
        for _ in 0..4000 {
            drawn[threads.random_free(&mut rng).unwrap() - 66] += 1;
        }
        assert!(
            drawn.iter().all(|count| (900..1100).contains(count)),
            "{drawn:?}"
        );
    }
}
