//! The main phase: sends, polls, and now and then an assign or a crash.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;

use super::offsets::Offsets;
use super::{assign, crash, poll};
use crate::edn::Value;
use crate::generator::{Access, Generator, Invocation, KeyPool, Next, Turn};
use crate::history::Operation;
use crate::seed::ChaCha8Rng;
use crate::workload::Settings;

/// One operation of so many is an assign.
const OPERATIONS_PER_ASSIGN: u32 = 64;
/// One assign of so many includes the keys with unseen messages.
const ASSIGNS_PER_CATCH_UP: u32 = 3;
/// Each client crashes this often, on average.
const CRASH_PERIOD: Duration = Duration::from_secs(30);

/// The operations of the main phase, each as soon as a thread is free.
pub(super) struct Traffic {
    keys: KeyPool,
    /// The operation that an assign took the place of.
    displaced: Option<Access>,
    next_crash: Option<Duration>,
    crash_gap_max: Duration,
    offsets: Rc<RefCell<Offsets>>,
}

impl Traffic {
    /// Operations that keep track of `offsets`.
    pub fn new(settings: &Settings, offsets: Rc<RefCell<Offsets>>) -> Traffic {
        let clients = settings.concurrency.max(1) as f64;
        Traffic {
            keys: KeyPool::new(
                settings.options.get("key-count"),
                settings.options.get("max-writes-per-key"),
            ),
            displaced: None,
            next_crash: None,
            crash_gap_max: CRASH_PERIOD.mul_f64(2.0 / clients),
            offsets,
        }
    }

    /// Whether a crash comes next. Where it is due, a coin decides between it and the other
    /// operations, which are always due.
    fn crashes(&mut self, turn: &mut Turn<'_>) -> bool {
        let due = *self.next_crash.get_or_insert(turn.now);
        let crashes = due <= turn.now && turn.rng.random();
        if crashes {
            let gap = self.crash_gap_max.mul_f64(turn.rng.random::<f64>());
            self.next_crash = Some(turn.now + gap);
        }
        crashes
    }

    /// A send, a poll, or an assign in the place of either, which comes later then.
    fn draw(&mut self, rng: &mut ChaCha8Rng) -> Invocation {
        let access = self.displaced.take();
        let access = access.unwrap_or_else(|| self.keys.draw(rng));
        if rng.random_ratio(1, OPERATIONS_PER_ASSIGN) {
            self.displaced = Some(access);
            return self.draw_assign(access.key(), rng);
        }
        match access {
            Access::Read(_) => poll(),
            Access::Write(key, message) => {
                let step = vec![
                    Value::keyword("send"),
                    key.to_string().into(),
                    message.into(),
                ];
                Invocation::new("send", Value::Vector([Value::vector(step)].into()))
            }
        }
    }

    /// An assign of `key`, and perhaps of every key with an acknowledged message that nobody has
    /// polled. Otherwise old keys would hardly ever be read again.
    fn draw_assign(&self, key: u64, rng: &mut ChaCha8Rng) -> Invocation {
        let offsets = self.offsets.borrow();
        let unseen = offsets.unseen();
        if unseen.is_empty() || !rng.random_ratio(1, ASSIGNS_PER_CATCH_UP) {
            return assign([key]);
        }
        let others: BTreeSet<u64> = unseen.keys().copied().collect();
        let own = (!others.contains(&key)).then_some(key);
        let unseen = unseen.iter().map(|(&key, unseen)| {
            let reached = [
                ("polled", unseen.polled.into()),
                ("sent", unseen.sent.into()),
            ];
            (Value::from(key), Value::map(reached))
        });
        assign(others.into_iter().chain(own)).with("unseen", Value::Map(unseen.collect()))
    }
}

impl Generator for Traffic {
    fn next(&mut self, turn: &mut Turn<'_>) -> Next {
        let Some(thread) = turn.threads.next_free() else {
            return Next::Wait(None);
        };
        let invocation = match self.crashes(turn) {
            true => crash(),
            false => self.draw(turn.rng),
        };
        Next::Invoke {
            thread,
            at: turn.now,
            invocation,
        }
    }

    fn observe(&mut self, operation: &Operation) {
        self.offsets.borrow_mut().observe(operation);
    }
}
