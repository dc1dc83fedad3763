//! The two phases of a run: the main phase, with operations and faults, and the final phase, which
//! looks at the state once every fault is over.

use std::time::Duration;

use anyhow::Result;

use super::{Run, earliest};
use crate::generator::{Generator, Next, Turn};
use crate::host::Host;
use crate::workload::FinalPhase;

/// The time that the cluster has to recover between the end of all faults and the final operations.
pub const RECOVERY: Duration = Duration::from_secs(10);

/// The number of operations in a row that are left out of the final phase before it ends.
const LEFT_OUT_MAX: u64 = 10_000;

/// The result of asking the generator.
enum Asked {
    /// An operation began, which was due at this time.
    Invoked(Duration),
    /// There is nothing to begin before this time, or before an operation completes.
    Wait(Option<Duration>),
    /// There will never be anything to begin.
    Done,
}

impl<H: Host> Run<'_, H> {
    /// Performs operations and faults until the time limit.
    pub(super) fn main_phase(&mut self, generator: Box<dyn Generator>) -> Result<()> {
        let time_limit = self.plan.settings.time_limit;
        let fault_free_tail = self.plan.fault_free_tail;
        if self.plan.settings.rate > 0.0 {
            self.generator = Some(generator);
        }
        let begin = self.now();
        let faults_end = begin + time_limit.saturating_sub(fault_free_tail);
        let mut cutoff = begin + time_limit;
        let mut first = true;
        while self.now() < cutoff {
            self.settle()?;
            let next_fault = self.let_nemesis_act(faults_end)?;
            let next_operation = match self.invoke_next(cutoff)? {
                Asked::Invoked(at) => {
                    // The limit counts from the first operation.
                    if std::mem::take(&mut first) {
                        cutoff = at + time_limit;
                    }
                    continue;
                }
                Asked::Wait(until) => until,
                // Without operations time still passes.
                Asked::Done => Some(cutoff),
            };
            let next = earliest(next_fault, next_operation);
            // As upstream: the phase ends as soon as nothing more can begin in it.
            if next_operation.is_some_and(|at| at >= cutoff)
                && next.is_some_and(|at| at >= cutoff)
                && self.generator.is_some()
            {
                break;
            }
            self.observer
                .progress(self.now().saturating_sub(begin), time_limit);
            self.wait(earliest(next, Some(cutoff)))?;
        }
        // The generator sees the last completions too: the final phase may depend on them.
        self.drain()?;
        self.generator = None;
        Ok(())
    }

    /// Ends all faults, lets the cluster recover, and performs the workload's last operations.
    pub(super) fn final_phase(&mut self, phase: FinalPhase) -> Result<()> {
        self.heal()?;
        self.observer.milestone("Waiting for recovery...");
        let recovered = self.now() + RECOVERY;
        while self.now() < recovered {
            self.settle()?;
            self.wait(Some(recovered))?;
        }
        self.generator = Some(phase.generator);
        let cutoff = phase.limit.map(|limit| self.now() + limit);
        loop {
            self.settle()?;
            match self.invoke_next(cutoff.unwrap_or(Duration::MAX))? {
                // A final phase may last until it has seen something, which it never will.
                Asked::Invoked(_) if self.left_out_in_a_row > LEFT_OUT_MAX => break,
                Asked::Invoked(_) => continue,
                Asked::Wait(until) => {
                    if cutoff.is_some_and(|cutoff| self.now() >= cutoff) {
                        break;
                    }
                    self.wait(earliest(until, cutoff))?;
                }
                Asked::Done => break,
            }
        }
        self.drain()
    }

    /// Waits until every operation has ended.
    fn drain(&mut self) -> Result<()> {
        loop {
            self.settle()?;
            if self.threads.all_free() {
                return Ok(());
            }
            self.wait(None)?;
        }
    }

    /// Asks the generator for an operation that is due before `cutoff`, and invokes it.
    fn invoke_next(&mut self, cutoff: Duration) -> Result<Asked> {
        let now = self.now();
        let Some(generator) = &mut self.generator else {
            return Ok(Asked::Done);
        };
        if now >= cutoff {
            return Ok(Asked::Wait(Some(cutoff)));
        }
        let mut turn = Turn {
            now,
            threads: &self.threads,
            rng: &mut self.generator_rng,
        };
        match generator.next(&mut turn) {
            Next::Invoke {
                thread,
                at,
                invocation,
            } => {
                if self.keeps_operation() {
                    self.begin(thread, at, invocation)?;
                }
                Ok(Asked::Invoked(at))
            }
            Next::Wait(until) => Ok(Asked::Wait(until)),
            Next::Done => Ok(Asked::Done),
        }
    }

    /// Counts an operation that is due, and returns whether it is performed.
    fn keeps_operation(&mut self) -> bool {
        let index = self.operations_drawn;
        self.operations_drawn += 1;
        let is_kept = self.plan.kept_operations.contains(index);
        self.left_out_in_a_row = if is_kept {
            0
        } else {
            self.left_out_in_a_row + 1
        };
        is_kept
    }

    /// Performs what the nemesis has due before `end`, and returns when it is due next. If a part
    /// without faults follows, every fault ends there.
    fn let_nemesis_act(&mut self, end: Duration) -> Result<Option<Duration>> {
        loop {
            let now = self.now();
            match self.plan.nemesis.next_at().filter(|&at| at < end) {
                Some(at) if at > now => return Ok(Some(at)),
                Some(_) => {
                    self.with_faults(|nemesis, cx| nemesis.act(now, cx).into_iter().collect())?;
                    self.threads.dispatch(None);
                }
                None if self.plan.fault_free_tail.is_zero() || self.plan.nemesis.is_over() => {
                    return Ok(None);
                }
                None if now < end => return Ok(Some(end)),
                None => self.heal()?,
            }
        }
    }
}
