//! The final phase: everybody reads everything once more, from the beginning.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;

use super::offsets::{Offsets, reached};
use super::{assign, crash, poll};
use crate::generator::{Generator, Invocation, Next, Turn};
use crate::history::{Operation, Process};

/// The longest that a thread waits between two polls; half of it on average.
const POLL_GAP_MAX: Duration = Duration::from_millis(400);

/// Each thread crashes, is assigned to every key that was ever written, and polls until it has
/// reached the end of each.
///
/// A thread whose poll is lost goes on as a client that is assigned to nothing, and polls in vain
/// until the phase is cut off. That is upstream's way.
pub(super) struct Finale {
    offsets: Rc<RefCell<Offsets>>,
    /// One per thread, once the phase has begun.
    readers: Vec<Reader>,
}

/// What one thread has yet to do.
struct Reader {
    stage: Stage,
    /// The next operation is not due before.
    due: Duration,
    /// The keys that it has not read to the end, which is this offset.
    missing: BTreeMap<u64, i64>,
}

#[derive(Clone, Copy)]
enum Stage {
    Crash,
    Assign,
    Poll,
}

impl Finale {
    /// A final phase that reads up to the `offsets` known when it begins.
    pub fn new(offsets: Rc<RefCell<Offsets>>) -> Finale {
        Finale {
            offsets,
            readers: Vec::new(),
        }
    }

    fn begin(&mut self, threads: usize) {
        let offsets = self.offsets.borrow();
        let reader = || Reader {
            stage: Stage::Crash,
            due: Duration::ZERO,
            missing: offsets.highest().clone(),
        };
        self.readers = (0..threads).map(|_| reader()).collect();
    }

    fn invocation(&mut self, thread: usize, turn: &mut Turn<'_>) -> Invocation {
        let reader = &mut self.readers[thread];
        match reader.stage {
            Stage::Crash => {
                reader.stage = Stage::Assign;
                crash()
            }
            Stage::Assign => {
                reader.stage = Stage::Poll;
                let keys = self
                    .offsets
                    .borrow()
                    .highest()
                    .keys()
                    .copied()
                    .collect::<Vec<_>>();
                assign(keys).with("seek-to-beginning?", true)
            }
            Stage::Poll => {
                reader.due = turn.now + POLL_GAP_MAX.mul_f64(turn.rng.random::<f64>());
                poll().with("poll-ms", 1000)
            }
        }
    }
}

impl Generator for Finale {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        if self.readers.is_empty() {
            self.begin(turn.threads.len());
        }
        let readers = &self.readers;
        if readers.iter().all(|reader| reader.missing.is_empty()) {
            return Next::Done;
        }
        let now = turn.now;
        let is_due = |thread: usize| {
            let reader = &readers[thread];
            !reader.missing.is_empty() && reader.due <= now
        };
        if let Some(thread) = turn.threads.random_free_among(turn.rng, is_due) {
            return Next::Invoke {
                thread,
                at: now,
                invocation: self.invocation(thread, turn),
            };
        }
        let idle = (0..readers.len()).filter(|&thread| turn.threads.is_free(thread));
        let idle = idle.map(|thread| &readers[thread]);
        let waiting = idle.filter(|reader| !reader.missing.is_empty());
        Next::Wait(waiting.map(|reader| reader.due).min())
    }

    fn observe(&mut self, operation: &Operation) {
        let Process::Client(process) = operation.process else {
            return;
        };
        if self.readers.is_empty() {
            return;
        }
        let thread = process as usize % self.readers.len();
        let missing = &mut self.readers[thread].missing;
        for (key, polled) in reached(operation, "poll") {
            if missing.get(&key).is_some_and(|&end| end <= polled) {
                missing.remove(&key);
            }
        }
    }
}
