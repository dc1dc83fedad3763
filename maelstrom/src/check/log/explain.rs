//! The results in plain words: of each type of error the first case, with the operations that show
//! it.

use std::collections::BTreeSet;

use super::anomaly::{Anomaly, ErrorType, Findings};
use super::cycle::{Because, Edge};
use super::delivery::Unseen;
use super::order::VersionOrder;
use super::transcript::{Key, Message, StepId, Transcript};
use crate::history::Kind;

/// Longer lists are cut off.
const LISTED_MAX: usize = 8;

/// A type of error that occurred, with the explanation of its first anomaly.
struct Explained {
    name: &'static str,
    /// The number of anomalies.
    count: usize,
    /// The keys on which they occur.
    keys: BTreeSet<Key>,
    text: String,
}

impl Explained {
    fn line(&self) -> String {
        format!("{} ({}): {}", self.name, self.count, self.text)
    }

    /// Returns whether these anomalies occur on keys of the other error only.
    fn is_part_of(&self, other: &Explained) -> bool {
        !self.keys.is_empty() && self.keys.is_subset(&other.keys)
    }
}

/// Puts what was found in a transcript into words.
pub(super) struct Words<'a, 'h> {
    pub(super) transcript: &'a Transcript<'h>,
    pub(super) orders: &'a [VersionOrder],
}

impl Words<'_, '_> {
    /// Returns a line for the first type of error that makes the run invalid, causes before what
    /// usually follows from them. The other types get a line each if they occur on other keys too;
    /// else they are taken for other names of the same fault, and one line names them.
    pub(super) fn explain(&self, findings: &Findings, unseen: Option<&Unseen>) -> String {
        let mut errors: Vec<_> = findings.0.iter().collect();
        errors.retain(|(error, _)| error.invalidates());
        errors.sort_by_key(|(error, _)| error.is_consequence());
        let mut found: Vec<Explained> = errors
            .into_iter()
            .filter_map(|(error, anomalies)| self.first_of(*error, anomalies))
            .collect();
        found.extend(unseen.map(|unseen| Explained {
            name: ErrorType::Unseen.name(),
            count: unseen.count(),
            keys: unseen.messages.iter().map(|(key, _)| *key).collect(),
            text: self.unseen(unseen),
        }));
        let mut found = found.into_iter();
        let Some(root) = found.next() else {
            return String::new();
        };
        let (same, other): (Vec<_>, Vec<_>) = found.partition(|error| error.is_part_of(&root));
        let mut lines = vec![root.line()];
        if !same.is_empty() {
            let names = same
                .iter()
                .map(|error| format!("{} ({})", error.name, error.count));
            lines.push(format!(
                "The same keys also show {}: most likely the same fault, as later operations see it",
                list(names)
            ));
        }
        lines.extend(other.iter().map(Explained::line));
        lines.join("\n")
    }

    /// Explains the first anomaly of a type.
    fn first_of(&self, error: ErrorType, anomalies: &[Anomaly]) -> Option<Explained> {
        let first = anomalies
            .iter()
            .min_by_key(|anomaly| self.shown_at(anomaly))?;
        Some(Explained {
            name: error.name(),
            count: anomalies.len(),
            keys: anomalies.iter().flat_map(Anomaly::keys).collect(),
            text: self.anomaly(error, first),
        })
    }

    /// The index of the operation at which an anomaly shows.
    fn shown_at(&self, anomaly: &Anomaly) -> usize {
        let step = match anomaly {
            Anomaly::Conflict { key, messages, .. } => {
                let writers = messages.iter().filter_map(|&m| self.writer_of(*key, m));
                writers.max()
            }
            Anomaly::Duplicate { key, message, .. } => self.writer_of(*key, *message),
            Anomaly::Dirty { reader, .. } => Some(*reader),
            Anomaly::Lost { key, message, .. } => self.writer_of(*key, *message),
            Anomaly::Jump { to, .. } => Some(to.0),
            Anomaly::Cycle(edges) => edges.iter().map(|edge| edge.to).max(),
            Anomaly::Component(steps) => steps.iter().copied().max(),
            Anomaly::NoDependencies => None,
        };
        step.map_or(0, |step| self.transcript.steps[step].completion.index)
    }

    fn anomaly(&self, error: ErrorType, anomaly: &Anomaly) -> String {
        match anomaly {
            Anomaly::Conflict {
                key,
                index,
                messages,
            } => {
                let offset = self.orders[*key].offsets[*index];
                let listed = list(messages.iter().map(|&m| self.message_and_send(*key, m)));
                format!(
                    "key {} has several messages at offset {offset}: {listed}",
                    self.key(*key)
                )
            }
            Anomaly::Duplicate {
                key,
                message,
                offsets,
            } => format!(
                "key {} has message {} at several offsets: {}",
                self.key(*key),
                self.message_and_send(*key, *message),
                list(offsets.iter())
            ),
            Anomaly::Dirty {
                key,
                message,
                reader,
            } if error == ErrorType::PrecommittedRead => format!(
                "{} polled message {} of key {}, which it sent itself",
                self.step(*reader),
                self.message(*key, *message),
                self.key(*key)
            ),
            Anomaly::Dirty {
                key,
                message,
                reader,
            } => format!(
                "{} polled message {} of key {}, whose send failed",
                self.step(*reader),
                self.message_and_send(*key, *message),
                self.key(*key)
            ),
            Anomaly::Lost {
                key,
                message,
                max_read,
                reader,
                ..
            } => {
                let offset = self.orders[*key].offsets[*max_read];
                let reader = reader.map_or("a poll".to_owned(), |reader| self.step(reader));
                format!(
                    "no ok poll returned message {} of key {}, although {reader} got as far as offset \
                     {offset}",
                    self.message_and_send(*key, *message),
                    self.key(*key)
                )
            }
            Anomaly::Jump {
                key,
                from,
                to,
                delta,
            } => self.jump(error, *key, *from, *to, *delta),
            Anomaly::Cycle(edges) => {
                let edges: Vec<String> = edges.iter().map(|edge| self.edge(edge)).collect();
                edges.join("; ")
            }
            Anomaly::Component(steps) => format!(
                "{} operations come before and after each other, op {} among them",
                steps.len(),
                self.transcript.steps[steps[0]].completion.index
            ),
            Anomaly::NoDependencies => "no operation began after another was acknowledged, and \
                                        nothing was polled, so nothing was tested"
                .to_owned(),
        }
    }

    fn jump(
        &self,
        error: ErrorType,
        key: Key,
        from: (StepId, Message),
        to: (StepId, Message),
        delta: i64,
    ) -> String {
        let order = &self.orders[key];
        let place = |message: Message| {
            let offset = order
                .offset_of(message)
                .map_or("?".to_owned(), |o| o.to_string());
            format!("offset {offset} (message {})", self.message(key, message))
        };
        let verb = match error {
            ErrorType::NonmonotonicSend
            | ErrorType::IntNonmonotonicSend
            | ErrorType::IntSendSkip => "sent to",
            _ => "polled",
        };
        let [first, second] = [from.0, to.0].map(|step| self.transcript.steps[step].completion);
        let second_op = match second.index {
            same if same == first.index => String::new(),
            index => format!(" in op {index}"),
        };
        let moved = format!(
            "process {} {verb} key {} at {} in op {}, then at {}{second_op}",
            first.process,
            self.key(key),
            place(from.1),
            first.index,
            place(to.1)
        );
        if delta <= 1 {
            return format!("{moved}, which does not lie after it");
        }
        let between = order.between(from.1, to.1);
        let skipped = list(
            order.chosen[between.clone()]
                .iter()
                .map(|&m| self.message(key, m)),
        );
        match &order.offsets[between] {
            [first, .., last] => {
                format!("{moved}; offsets {first}..{last} (messages {skipped}) were skipped")
            }
            [only] => format!("{moved}; offset {only} (message {skipped}) was skipped"),
            [] => moved,
        }
    }

    fn edge(&self, edge: &Edge) -> String {
        let (from, to) = (self.step(edge.from), self.step(edge.to));
        match edge.because {
            Because::WriteRead { key, message } => format!(
                "{from} sent message {} of key {}, which {to} polled",
                self.message(key as Key, message as Message),
                self.key(key as Key)
            ),
            Because::Realtime => {
                let invoked = self.transcript.steps[edge.to].invocation.index;
                format!("{from} was over before {to} began (with op {invoked})")
            }
        }
    }

    fn unseen(&self, unseen: &Unseen) -> String {
        let of_keys = unseen.messages.iter().map(|(key, messages)| {
            let messages = list(messages.iter().map(|&m| self.message_and_send(*key, m)));
            format!("key {}: {messages}", self.key(*key))
        });
        let of_keys: Vec<String> = of_keys.take(LISTED_MAX).collect();
        let more = match unseen.messages.len() - of_keys.len() {
            0 => String::new(),
            left => format!("; and {left} more keys"),
        };
        let of_keys = of_keys.join("; ");
        format!("up to the end no ok poll returned: {of_keys}{more}")
    }

    fn key(&self, key: Key) -> String {
        self.transcript.key(key).to_string()
    }

    fn message(&self, key: Key, message: Message) -> String {
        self.transcript.message(key, message).to_string()
    }

    fn writer_of(&self, key: Key, message: Message) -> Option<StepId> {
        self.transcript.keys[key].messages[message].writer
    }

    /// `7 (acknowledged in op 12)`.
    fn message_and_send(&self, key: Key, message: Message) -> String {
        let text = self.message(key, message);
        let Some(writer) = self.writer_of(key, message) else {
            return text;
        };
        let writer = &self.transcript.steps[writer];
        let sent = match writer.kind {
            Kind::Ok => "acknowledged",
            Kind::Fail => "refused",
            Kind::Info | Kind::Invoke => "sent, outcome unknown,",
        };
        format!("{text} ({sent} in op {})", writer.completion.index)
    }

    /// `op 12 (process 3)`.
    fn step(&self, step: StepId) -> String {
        let completion = self.transcript.steps[step].completion;
        format!("op {} (process {})", completion.index, completion.process)
    }
}

fn list(items: impl Iterator<Item = impl ToString>) -> String {
    let mut items: Vec<String> = items.map(|item| item.to_string()).collect();
    let left = items.len().saturating_sub(LISTED_MAX);
    if left > 0 {
        items.truncate(LISTED_MAX);
        items.push(format!("{left} more"));
    }
    items.join(", ")
}
