//! The ways in which a log can be wrong.

use std::collections::BTreeMap;

use super::cycle::Edge;
use super::transcript::{Key, Message, StepId};

/// A class of anomalies, under the name that Jepsen gives it. The order is that of the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorType {
    /// A poll returned a message whose send failed.
    G1a,
    /// A cycle of transactions, each of which polled what the one before sent.
    G1c,
    /// The same, with the order of real time for some of its steps: a message was polled before
    /// its send began.
    G1cRealtime,
    /// Some cycle as in [`ErrorType::G1c`].
    Pl2CycleExists,
    /// A message is at several offsets of its key.
    Duplicate,
    /// No operation depends on another, so that nothing was tested.
    EmptyTransactionGraph,
    /// An offset holds several messages.
    InconsistentOffsets,
    /// Within one operation, a poll goes backwards, or stays in place.
    IntNonmonotonicPoll,
    /// Within one operation, sends go backwards in the log.
    IntNonmonotonicSend,
    /// Within one operation, a poll leaves out messages.
    IntPollSkip,
    /// Between two sends of one operation there are messages of others.
    IntSendSkip,
    /// A message that took effect was never read, although later ones of its key were.
    LostWrite,
    /// A process's next poll starts at, or before, the end of its last one.
    NonmonotonicPoll,
    /// A process's sends go backwards in the log.
    NonmonotonicSend,
    /// A process's next poll starts after messages that it has not seen.
    PollSkip,
    /// A transaction polled its own message.
    PrecommittedRead,
    /// Some cycle as in [`ErrorType::G1cRealtime`].
    StrongPl2CycleExists,
    /// Acknowledged messages that no process polled up to the end of the run.
    Unseen,
}

impl ErrorType {
    /// The keyword in the results.
    pub fn name(self) -> &'static str {
        match self {
            ErrorType::G1a => "G1a",
            ErrorType::G1c => "G1c",
            ErrorType::G1cRealtime => "G1c-realtime",
            ErrorType::Pl2CycleExists => "PL-2-cycle-exists",
            ErrorType::Duplicate => "duplicate",
            ErrorType::EmptyTransactionGraph => "empty-transaction-graph",
            ErrorType::InconsistentOffsets => "inconsistent-offsets",
            ErrorType::IntNonmonotonicPoll => "int-nonmonotonic-poll",
            ErrorType::IntNonmonotonicSend => "int-nonmonotonic-send",
            ErrorType::IntPollSkip => "int-poll-skip",
            ErrorType::IntSendSkip => "int-send-skip",
            ErrorType::LostWrite => "lost-write",
            ErrorType::NonmonotonicPoll => "nonmonotonic-poll",
            ErrorType::NonmonotonicSend => "nonmonotonic-send",
            ErrorType::PollSkip => "poll-skip",
            ErrorType::PrecommittedRead => "precommitted-read",
            ErrorType::StrongPl2CycleExists => "strong-PL-2-cycle-exists",
            ErrorType::Unseen => "unseen",
        }
    }

    /// Whether it usually follows from another one: polls skip what was lost, and never see it.
    pub fn is_consequence(self) -> bool {
        use ErrorType::{IntPollSkip, NonmonotonicPoll, PollSkip, Unseen};
        matches!(self, IntPollSkip | NonmonotonicPoll | PollSkip | Unseen)
    }

    /// Whether it makes a run invalid. Sends of different clients may interleave, so
    /// `int-send-skip` does not.
    pub fn invalidates(self) -> bool {
        self != ErrorType::IntSendSkip
    }
}

/// One occurrence of an anomaly.
#[derive(Clone, Debug)]
pub(super) enum Anomaly {
    /// Two or more messages at one offset.
    Conflict {
        key: Key,
        index: usize,
        messages: Vec<Message>,
    },
    /// One message at two or more offsets.
    Duplicate {
        key: Key,
        message: Message,
        offsets: Vec<i64>,
    },
    /// `reader` polled what it must not see.
    Dirty {
        key: Key,
        message: Message,
        reader: StepId,
    },
    /// Nobody read a message at `index`, but `reader` read the one at `max_read`.
    Lost {
        key: Key,
        message: Message,
        index: usize,
        max_read: usize,
        reader: Option<StepId>,
    },
    /// From one message to the next, of polls or of sends, within one operation or from one to the
    /// next of a process, the index moves by `delta` instead of 1.
    Jump {
        key: Key,
        from: (StepId, Message),
        to: (StepId, Message),
        delta: i64,
    },
    /// Each operation must come before the next, and the last before the first.
    Cycle(Vec<Edge>),
    /// Operations that come before and after each other.
    Component(Vec<StepId>),
    /// Nothing depends on anything.
    NoDependencies,
}

impl Anomaly {
    /// Returns the keys on which it occurs; none if it is not about certain keys.
    pub(super) fn keys(&self) -> Vec<Key> {
        match self {
            Anomaly::Conflict { key, .. }
            | Anomaly::Duplicate { key, .. }
            | Anomaly::Dirty { key, .. }
            | Anomaly::Lost { key, .. }
            | Anomaly::Jump { key, .. } => vec![*key],
            Anomaly::Cycle(edges) => edges.iter().filter_map(Edge::key).collect(),
            Anomaly::Component(_) | Anomaly::NoDependencies => Vec::new(),
        }
    }
}

/// Every anomaly found, by type.
#[derive(Default)]
pub(super) struct Findings(pub(super) BTreeMap<ErrorType, Vec<Anomaly>>);

impl Findings {
    pub(super) fn add(&mut self, error: ErrorType, anomaly: Anomaly) {
        self.0.entry(error).or_default().push(anomaly);
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorType::*;

    #[test]
    fn error_types_are_ordered_by_name() {
        let all = [
            G1a,
            G1c,
            G1cRealtime,
            Pl2CycleExists,
            Duplicate,
            EmptyTransactionGraph,
            InconsistentOffsets,
            IntNonmonotonicPoll,
            IntNonmonotonicSend,
            IntPollSkip,
            IntSendSkip,
            LostWrite,
            NonmonotonicPoll,
            NonmonotonicSend,
            PollSkip,
            PrecommittedRead,
            StrongPl2CycleExists,
            Unseen,
        ];
        assert!(all.is_sorted() && all.is_sorted_by_key(|error| error.name()));
    }
}
