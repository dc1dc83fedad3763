//! Checks that processes move through a log one message at a time, without a step back or a gap.
//!
//! There are four sequences: the messages within one poll, the last message of a process's poll
//! and the first of its next one, and the same two for sends. A message whose place in the log is
//! unknown is passed over.

use std::collections::{BTreeMap, BTreeSet};

use super::anomaly::{Anomaly, ErrorType, Findings};
use super::order::VersionOrder;
use super::transcript::{Action, Key, Message, Record, StepId, Transcript};
use crate::history::{Kind, Process};

/// Finds messages left out, and steps back, within operations and from one operation to the next.
pub(super) fn find_jumps(
    transcript: &Transcript,
    orders: &[VersionOrder],
    findings: &mut Findings,
) {
    let mut jumps = Jumps { orders, findings };
    for (id, step) in transcript.steps.iter().enumerate() {
        for (key, records) in step.polls() {
            jumps.within(id, *key, records, &POLLS_WITHIN);
        }
        for (key, records) in step.sends() {
            jumps.within(id, *key, records, &SENDS_WITHIN);
        }
    }
    jumps.between_polls(transcript);
    jumps.between_sends(transcript);
}

/// What a step of more than one, and one of less than one, is called.
struct Names {
    skip: Option<ErrorType>,
    nonmonotonic: ErrorType,
}

const POLLS_WITHIN: Names = Names {
    skip: Some(ErrorType::IntPollSkip),
    nonmonotonic: ErrorType::IntNonmonotonicPoll,
};
const SENDS_WITHIN: Names = Names {
    skip: Some(ErrorType::IntSendSkip),
    nonmonotonic: ErrorType::IntNonmonotonicSend,
};
const POLLS_BETWEEN: Names = Names {
    skip: Some(ErrorType::PollSkip),
    nonmonotonic: ErrorType::NonmonotonicPoll,
};
/// Between two sends of one process others may send at will.
const SENDS_BETWEEN: Names = Names {
    skip: None,
    nonmonotonic: ErrorType::NonmonotonicSend,
};

/// Where a process is in each log: its last operation there, and the last message of that one
/// (none, if a poll came back empty).
type Position = (StepId, Option<Message>);
type Positions = BTreeMap<Key, Position>;

struct Jumps<'a> {
    orders: &'a [VersionOrder],
    findings: &'a mut Findings,
}

impl Jumps<'_> {
    fn within(&mut self, step: StepId, key: Key, records: &[Record], names: &Names) {
        for pair in records.windows(2) {
            let place = |record: Record| (step, Some(record.message));
            self.compare(key, place(pair[0]), place(pair[1]), names);
        }
    }

    /// Only ok polls move a process. An assignment that took effect, or may have, leaves it the
    /// positions of the keys that it lists.
    fn between_polls(&mut self, transcript: &Transcript) {
        let mut processes: BTreeMap<Process, Positions> = BTreeMap::new();
        for (id, step) in transcript.steps.iter().enumerate() {
            let positions = processes.entry(step.completion.process).or_default();
            if step.kind != Kind::Fail {
                forget_unassigned(positions, &step.action);
            }
            for (key, records) in step.polls() {
                let first = (id, records.first().map(|record| record.message));
                if let Some(&last) = positions.get(key) {
                    self.compare(*key, last, first, &POLLS_BETWEEN);
                }
                // An empty poll counts, too: what comes after it is compared with nothing.
                if step.kind == Kind::Ok {
                    let last = (id, records.last().map(|record| record.message));
                    positions.insert(*key, last);
                }
            }
        }
    }

    fn between_sends(&mut self, transcript: &Transcript) {
        let mut processes: BTreeMap<Process, Positions> = BTreeMap::new();
        for (id, step) in transcript.steps.iter().enumerate() {
            if step.kind == Kind::Fail {
                continue;
            }
            let positions = processes.entry(step.completion.process).or_default();
            forget_unassigned(positions, &step.action);
            for (key, records) in step.sends() {
                let first = (id, records.first().map(|record| record.message));
                let last = (id, records.last().map(|record| record.message));
                if let Some(before) = positions.insert(*key, last) {
                    self.compare(*key, before, first, &SENDS_BETWEEN);
                }
            }
        }
    }

    fn compare(&mut self, key: Key, from: Position, to: Position, names: &Names) {
        let Some(delta) = self.orders[key].distance(from.1, to.1) else {
            return;
        };
        let error = match delta {
            1 => None,
            2.. => names.skip,
            _ => Some(names.nonmonotonic),
        };
        if let (Some(error), Some(sent), Some(next)) = (error, from.1, to.1) {
            let jump = Anomaly::Jump {
                key,
                from: (from.0, sent),
                to: (to.0, next),
                delta,
            };
            self.findings.add(error, jump);
        }
    }
}

fn forget_unassigned(positions: &mut Positions, action: &Action) {
    if let Action::Assign(keys) = action {
        let keys: BTreeSet<&Key> = keys.iter().collect();
        positions.retain(|key, _| keys.contains(key));
    }
}
