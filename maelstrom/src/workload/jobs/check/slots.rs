//! Whether workers ran jobs faster than they can.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::arrivals::Capacity;
use super::evidence::{Job, Record};
use crate::check::findings::{Example, Findings, place};

/// Clocks are read a little before or after the moment that counts.
const TOLERANCE: Duration = Duration::from_millis(2);

/// The lengths of the intervals in which a worker's jobs are added up.
const WINDOWS: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(8),
];

/// Jobs that took less time than their work, and more jobs at a time than a worker has slots.
pub(super) fn too_fast(
    found: &mut Findings,
    record: &Record<'_>,
    capacities: &BTreeMap<String, Capacity>,
) {
    let mut by_worker: BTreeMap<&str, Vec<Run<'_>>> = BTreeMap::new();
    let mut examples = Vec::new();
    for job in record.jobs.values() {
        let Some((worker, capacity)) = job.worker().and_then(|w| capacities.get_key_value(w))
        else {
            continue;
        };
        let run = Run::of(job, *capacity);
        if run.to.saturating_sub(run.from) + TOLERANCE < run.service {
            examples.push(Example::new(
                format!(
                    "job {} of {} units takes {} ms on {worker}, and was answered after {} ms ({})",
                    job.id,
                    job.units,
                    run.service.as_millis(),
                    run.to.saturating_sub(run.from).as_millis(),
                    place(job.completion.unwrap_or(job.invocation))
                ),
                [job.invocation.index],
            ));
        }
        by_worker.entry(worker).or_default().push(run);
    }
    for (worker, runs) in &by_worker {
        let slots = capacities[*worker].slots;
        examples.extend(crowded(worker, runs, slots));
        examples.extend(overworked(worker, runs, slots));
    }
    found.add(
        "too-fast",
        "a worker did more than its slots can do. Each job holds one of its slots for units × \
         ms_per_unit.",
        examples,
    );
}

/// A job that ran for `service` at some time between its arrival and its answer.
struct Run<'a> {
    job: &'a Job<'a>,
    from: Duration,
    to: Duration,
    service: Duration,
}

impl<'a> Run<'a> {
    fn of(job: &'a Job<'a>, capacity: Capacity) -> Run<'a> {
        Run {
            job,
            from: job.invocation.time,
            to: job.completion.unwrap_or(job.invocation).time,
            service: capacity.service_time(job.units),
        }
    }

    /// When the job ran for certain: it cannot have ended earlier, nor begun later.
    fn certain(&self) -> Option<(Duration, Duration)> {
        let begun = self.to.saturating_sub(self.service) + TOLERANCE;
        let ended = (self.from + self.service).saturating_sub(TOLERANCE);
        (begun < ended).then_some((begun, ended))
    }
}

/// A moment at which more jobs ran for certain than there are slots.
fn crowded(worker: &str, runs: &[Run<'_>], slots: u64) -> Option<Example> {
    let mut changes: Vec<(Duration, bool, usize)> = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        if let Some((begun, ended)) = run.certain() {
            changes.push((begun, true, i));
            changes.push((ended, false, i));
        }
    }
    changes.sort_unstable();
    let mut running: Vec<usize> = Vec::new();
    for (at, begins, i) in changes {
        if !begins {
            running.retain(|other| *other != i);
            continue;
        }
        running.push(i);
        if running.len() as u64 > slots {
            let jobs: Vec<&str> = running.iter().map(|&i| runs[i].job.id).collect();
            let operations: Vec<usize> = running
                .iter()
                .map(|&i| runs[i].job.invocation.index)
                .collect();
            return Some(Example::new(
                format!(
                    "at {:.3} s {worker} ran {} at the same time, with {slots} slots",
                    at.as_secs_f64(),
                    jobs.join(", ")
                ),
                operations,
            ));
        }
    }
    None
}

/// An interval into which more work fell than the slots can do in it.
fn overworked(worker: &str, runs: &[Run<'_>], slots: u64) -> Option<Example> {
    for window in WINDOWS {
        let step = window / 2;
        let mut work: BTreeMap<u128, Duration> = BTreeMap::new();
        for run in runs {
            // The windows that hold all of the run: [k · step, k · step + window].
            let last = run.from.as_nanos() / step.as_nanos();
            let first = run
                .to
                .saturating_sub(window)
                .as_nanos()
                .div_ceil(step.as_nanos());
            for k in first..=last {
                *work.entry(k).or_default() += run.service;
            }
        }
        for (k, work) in work {
            let able = window.saturating_mul(u32::try_from(slots).unwrap_or(u32::MAX));
            if work > able + TOLERANCE.saturating_mul(slots as u32) {
                let from = step.as_secs_f64() * k as f64;
                return Some(Example::new(
                    format!(
                        "between {from:.3} s and {:.3} s {worker} did {} ms of work; its {slots} \
                         slots can do {} ms",
                        from + window.as_secs_f64(),
                        work.as_millis(),
                        able.as_millis()
                    ),
                    [],
                ));
            }
        }
    }
    None
}
