//! Real-time lag: for how long, at least, a poll's process had been behind the end of a log.
//!
//! A process that has seen a log up to some offset is up to date until a later offset is known to
//! exist. A poll that began after that moment, and still brought nothing later, is late by the time
//! between the two.

use std::collections::BTreeMap;
use std::time::Duration;

use super::iteration::{ARRAY_MAP_MAX, rank};
use super::transcript::{Action, Key, Record, Transcript};
use crate::edn::Value;
use crate::history::{Kind, Process};

/// How far a process was behind the end of a key's log in one of its polls.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RealtimeLag {
    /// When the poll began.
    pub time: Duration,
    /// Who polled.
    pub process: Process,
    /// The key of the log.
    pub key: Value,
    /// At least for so long there had been something that the poll should have brought.
    pub lag: Duration,
}

/// The lags of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Lags {
    /// The greatest lag of any ok poll; the first of several. `None` if no process ever polled a key.
    pub worst: Option<RealtimeLag>,
    /// The time at which each ok poll began, and its greatest lag over all keys, in order of time.
    pub by_poll: Vec<(Duration, Duration)>,
}

/// Measures the lag of every ok poll.
pub(super) fn measure(transcript: &Transcript) -> Lags {
    let mut by_poll = Vec::new();
    let ends = log_ends(transcript);
    let mut processes: BTreeMap<Process, Positions> = BTreeMap::new();
    let mut worst: Option<(Duration, Duration, Process, Key)> = None;
    for step in transcript.steps.iter().filter(|step| step.kind == Kind::Ok) {
        let process = step.completion.process;
        let positions = processes.entry(process).or_default();
        match &step.action {
            Action::Assign(keys) => positions.assign(keys, transcript),
            Action::Transact { .. } if &*step.completion.f == "send" => {}
            Action::Transact { polls, .. } => {
                positions.advance(polls, transcript);
                let time = step.invocation.time;
                let mut greatest_of_poll = Duration::ZERO;
                for &(key, position) in &positions.in_order {
                    let lag = match ends[key].surpassed(position) {
                        Some(since) => time.saturating_sub(since),
                        None => Duration::ZERO,
                    };
                    greatest_of_poll = greatest_of_poll.max(lag);
                    if worst.is_none_or(|(greatest, ..)| lag > greatest) {
                        worst = Some((lag, time, process, key));
                    }
                }
                by_poll.push((time, greatest_of_poll));
            }
        }
    }
    by_poll.sort_unstable();
    let worst = worst.map(|(lag, time, process, key)| RealtimeLag {
        time,
        process,
        key: transcript.key(key).clone(),
        lag,
    });
    Lags { worst, by_poll }
}

/// `{:time s :process p :key k :lag s}`; without a poll of any key, zeros.
pub(super) fn to_edn(worst: Option<&RealtimeLag>) -> Value {
    let Some(RealtimeLag {
        time,
        process,
        key,
        lag,
    }) = worst
    else {
        return Value::map([("time", 0.0.into()), ("lag", 0.0.into())]);
    };
    // Not `as_secs_f64`, which rounds twice.
    let seconds = |duration: &Duration| Value::from(duration.as_nanos() as f64 / 1e9);
    let process = match process {
        Process::Client(id) => Value::from(*id),
        Process::Nemesis => Value::keyword("nemesis"),
    };
    Value::map([
        ("time", seconds(time)),
        ("process", process),
        ("key", key.clone()),
        ("lag", seconds(lag)),
    ])
}

/// When the end of a log was first known to have moved, and to which offset; both ascending.
#[derive(Clone, Default)]
struct LogEnd(Vec<(i64, Duration)>);

impl LogEnd {
    fn extend(&mut self, offset: i64, time: Duration) {
        if self.0.last().is_none_or(|(end, _)| offset > *end) {
            self.0.push((offset, time));
        }
    }

    /// When an offset above `position` was first known to exist.
    fn surpassed(&self, position: i64) -> Option<Duration> {
        let next = self.0.partition_point(|(end, _)| *end <= position);
        self.0.get(next).map(|(_, time)| *time)
    }
}

fn log_ends(transcript: &Transcript) -> Vec<LogEnd> {
    let mut ends = vec![LogEnd::default(); transcript.keys.len()];
    for step in transcript
        .steps
        .iter()
        .filter(|step| step.kind != Kind::Fail)
    {
        for (key, records) in step.sends().iter().chain(step.polls()) {
            if let Some(offset) = max_offset(records) {
                ends[*key].extend(offset, step.completion.time);
            }
        }
    }
    ends
}

fn max_offset(records: &[Record]) -> Option<i64> {
    records.iter().filter_map(|record| record.offset).max()
}

/// The highest offset that a process has seen of each of its keys, -1 for none.
#[derive(Default)]
struct Positions {
    /// In the order in which upstream looks at them, which decides between equal lags.
    in_order: Vec<(Key, i64)>,
    at: BTreeMap<Key, usize>,
}

impl Positions {
    /// Keeps the positions of keys that are still assigned; others begin before the first message.
    fn assign(&mut self, keys: &[Key], transcript: &Transcript) {
        let kept = std::mem::take(self);
        for &key in keys {
            let position = kept.at.get(&key).map_or(-1, |&at| kept.in_order[at].1);
            self.raise(key, position);
        }
        self.reorder(transcript);
    }

    /// Moves on to what a poll returned, be it of assigned keys or of others.
    fn advance(&mut self, polls: &[(Key, Vec<Record>)], transcript: &Transcript) {
        let keys = self.in_order.len();
        for (key, records) in polls {
            self.raise(*key, max_offset(records).unwrap_or(-1));
        }
        if self.in_order.len() > keys {
            self.reorder(transcript);
        }
    }

    fn raise(&mut self, key: Key, offset: i64) {
        let at = *self.at.entry(key).or_insert(self.in_order.len());
        match self.in_order.get_mut(at) {
            Some((_, position)) => *position = offset.max(*position),
            None => self.in_order.push((key, offset)),
        }
    }

    /// Large maps are hashed.
    fn reorder(&mut self, transcript: &Transcript) {
        if self.in_order.len() > ARRAY_MAP_MAX {
            self.in_order
                .sort_by_cached_key(|(key, _)| rank(transcript.key(*key)));
            let keys = self.in_order.iter().enumerate();
            self.at = keys.map(|(at, (key, _))| (*key, at)).collect();
        }
    }
}
