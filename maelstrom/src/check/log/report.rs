//! The results under Jepsen's keys.

use super::anomaly::{Anomaly, ErrorType, Findings};
use super::cycle::{Because, Edge};
use super::delivery::Unseen;
use super::order::VersionOrder;
use super::transcript::{Key, Message, StepId, Transcript};
use crate::edn::Value;

/// How many examples of a type are shown: of those that are a line each, and of those that hold
/// whole operations.
const SHOWN_SMALL: usize = 32;
const SHOWN_LARGE: usize = 8;

/// An operation that polled more messages than this is shown only near those in question.
const POLLED_MAX: usize = 1000;
/// How near, in messages before and after.
const NEAR: usize = 8;

/// Renders what was found in a transcript.
pub(super) struct Report<'a, 'h> {
    pub(super) transcript: &'a Transcript<'h>,
    pub(super) orders: &'a [VersionOrder],
}

impl Report<'_, '_> {
    /// The entry of each type of error: how many there are, and the most telling.
    pub(super) fn entries(&self, findings: &Findings) -> Vec<(&'static str, Value)> {
        let entry = |(error, anomalies): (&ErrorType, &Vec<Anomaly>)| {
            let shown = most_telling(*error, anomalies);
            let errs = match shown[..] {
                [Anomaly::NoDependencies] => true.into(),
                _ => Value::list(shown.into_iter().map(|a| self.anomaly(*error, a))),
            };
            let entry = Value::map([("count", anomalies.len().into()), ("errs", errs)]);
            (error.name(), entry)
        };
        findings.0.iter().map(entry).collect()
    }

    /// `{:time ns :unseen {key count} :messages {key (message …)}}`.
    pub(super) fn unseen(&self, unseen: &Unseen) -> Value {
        let by_key = |of_key: &dyn Fn(Key, &[Message]) -> Value| {
            let entries = unseen.messages.iter();
            let entries = entries.map(|(k, m)| (self.transcript.key(*k).clone(), of_key(*k, m)));
            Value::Map(entries.collect())
        };
        let messages = by_key(&|key, messages| {
            let shown = messages.iter().take(SHOWN_SMALL);
            Value::list(shown.map(|&m| self.message(key, m)))
        });
        Value::map([
            ("time", Value::from(unseen.time.as_nanos() as i128)),
            ("unseen", by_key(&|_, messages| messages.len().into())),
            ("messages", messages),
        ])
    }

    fn anomaly(&self, error: ErrorType, anomaly: &Anomaly) -> Value {
        match anomaly {
            Anomaly::Conflict {
                key,
                index,
                messages,
            } => Value::map([
                ("key", self.key(*key)),
                ("offset", self.orders[*key].offsets[*index].into()),
                ("index", (*index).into()),
                (
                    "values",
                    Value::set(messages.iter().map(|&m| self.message(*key, m))),
                ),
            ]),
            Anomaly::Duplicate {
                key,
                message,
                offsets,
            } => Value::map([
                ("key", self.key(*key)),
                ("value", self.message(*key, *message)),
                ("count", offsets.len().into()),
                ("offsets", Value::vector(offsets.iter().copied())),
            ]),
            Anomaly::Dirty {
                key,
                message,
                reader,
            } => {
                let near = [*message];
                let mut entries = vec![
                    ("key", self.key(*key)),
                    ("value", self.message(*key, *message)),
                ];
                if error == ErrorType::PrecommittedRead {
                    entries.push(("op", self.operation(*reader, *key, &near)));
                } else {
                    entries.push(("writer", self.writer(*key, *message)));
                    entries.push(("reader", self.operation(*reader, *key, &near)));
                }
                Value::map(entries)
            }
            Anomaly::Lost {
                key,
                message,
                index,
                max_read,
                reader,
            } => {
                let near = &self.orders[*key].seen[*max_read];
                let reader = reader.map(|reader| self.operation(reader, *key, near));
                Value::map([
                    ("key", self.key(*key)),
                    ("value", self.message(*key, *message)),
                    ("index", (*index).into()),
                    ("max-read-index", (*max_read).into()),
                    ("writer", self.writer(*key, *message)),
                    ("max-read", reader.into()),
                ])
            }
            Anomaly::Jump {
                key,
                from,
                to,
                delta,
            } => self.jump(error, *key, *from, *to, *delta),
            Anomaly::Cycle(edges) => self.cycle(error, edges),
            Anomaly::Component(steps) => self.component(error, steps),
            Anomaly::NoDependencies => true.into(),
        }
    }

    fn jump(
        &self,
        error: ErrorType,
        key: Key,
        from: (StepId, Message),
        to: (StepId, Message),
        delta: i64,
    ) -> Value {
        let near = [from.1, to.1];
        let mut entries = vec![("key", self.key(key)), ("delta", delta.into())];
        if error != ErrorType::PollSkip {
            let values = near.map(|message| self.message(key, message));
            entries.push(("values", Value::vector(values)));
        }
        if delta > 1 {
            let order = &self.orders[key];
            let skipped = &order.chosen[order.between(from.1, to.1)];
            let skipped = Value::list(skipped.iter().map(|&m| self.message(key, m)));
            entries.push(("skipped", skipped));
        }
        let [first, second] = [from.0, to.0];
        if first == second {
            entries.push(("op", self.operation(first, key, &near)));
        } else {
            let ops = [first, second].map(|step| self.operation(step, key, &near));
            entries.push(("ops", Value::vector(ops)));
        }
        Value::map(entries)
    }

    fn cycle(&self, error: ErrorType, edges: &[Edge]) -> Value {
        let whole = |step: StepId| self.transcript.steps[step].completion.to_edn();
        let closing = edges.first().map(|edge| edge.from);
        let nodes = edges.iter().map(|edge| edge.from).chain(closing);
        let steps = edges.iter().map(|edge| match edge.because {
            Because::WriteRead { key, message } => Value::map([
                ("type", Value::keyword("wr")),
                ("key", self.key(key as Key)),
                ("value", self.message(key as Key, message as Message)),
            ]),
            Because::Realtime => Value::map([
                ("type", Value::keyword("realtime")),
                ("a'", whole(edge.from)),
                ("b", self.transcript.steps[edge.to].invocation.to_edn()),
            ]),
        });
        Value::map([
            ("cycle", Value::vector(nodes.map(whole))),
            ("steps", Value::list(steps)),
            ("type", Value::keyword(error.name())),
        ])
    }

    fn component(&self, error: ErrorType, steps: &[StepId]) -> Value {
        let (not, edges): (_, &[&str]) = match error {
            ErrorType::Pl2CycleExists => ("read-committed", &["union", "ww", "wr"]),
            _ => ("strong-read-committed", &["union", "ww", "wr", "realtime"]),
        };
        let index = |step: &StepId| self.transcript.steps[*step].completion.index.into();
        Value::map([
            ("type", Value::keyword(error.name())),
            ("not", Value::keyword(not)),
            (
                "subgraph",
                Value::vector(edges.iter().map(|edge| Value::keyword(*edge))),
            ),
            ("scc-size", steps.len().into()),
            ("scc", Value::set(steps.iter().map(index))),
        ])
    }

    fn key(&self, key: Key) -> Value {
        self.transcript.key(key).clone()
    }

    fn message(&self, key: Key, message: Message) -> Value {
        self.transcript.message(key, message).clone()
    }

    fn writer(&self, key: Key, message: Message) -> Value {
        let writer = self.transcript.keys[key].messages[message].writer;
        let writer = writer.map(|writer| self.operation(writer, key, &[message]));
        writer.into()
    }

    /// An operation as it stands in the history, unless it polled very many messages: then only
    /// those of `key` near the messages in question.
    fn operation(&self, step: StepId, key: Key, near: &[Message]) -> Value {
        let step = &self.transcript.steps[step];
        let polled: usize = step.polls().iter().map(|(_, records)| records.len()).sum();
        if polled <= POLLED_MAX {
            return step.completion.to_edn();
        }
        let records = step.polls().iter().filter(|(polled, _)| *polled == key);
        let records: Vec<_> = records.flat_map(|(_, records)| records).collect();
        let windows = records.iter().enumerate().filter(|(at, _)| {
            let window = at.saturating_sub(NEAR)..records.len().min(at + NEAR + 1);
            records[window]
                .iter()
                .any(|record| near.contains(&record.message))
        });
        let pairs = windows.map(|(_, record)| {
            Value::vector([record.offset.into(), self.message(key, record.message)])
        });
        let logs = Value::Map([(self.key(key), Value::vector(pairs))].into());
        let mut shown = step.completion.clone();
        shown.value = Value::vector([Value::vector([Value::keyword("poll"), logs])]);
        shown.to_edn()
    }
}

/// The examples to show: the largest skips, the furthest steps back, the shortest cycles, the
/// simplest conflicts.
fn most_telling(error: ErrorType, anomalies: &[Anomaly]) -> Vec<&Anomaly> {
    let mut shown: Vec<&Anomaly> = anomalies.iter().collect();
    shown.sort_by_key(|anomaly| match anomaly {
        Anomaly::Conflict { messages, .. } => messages.len() as i64,
        Anomaly::Duplicate { offsets, .. } => offsets.len() as i64,
        Anomaly::Jump { delta, .. } => *delta,
        Anomaly::Cycle(edges) => edges.len() as i64,
        _ => 0,
    });
    match error {
        ErrorType::PollSkip | ErrorType::IntPollSkip | ErrorType::IntSendSkip => {
            shown.drain(..shown.len().saturating_sub(SHOWN_LARGE));
        }
        ErrorType::NonmonotonicPoll
        | ErrorType::NonmonotonicSend
        | ErrorType::IntNonmonotonicPoll
        | ErrorType::IntNonmonotonicSend
        | ErrorType::G1c
        | ErrorType::G1cRealtime
        | ErrorType::Pl2CycleExists
        | ErrorType::StrongPl2CycleExists => shown.truncate(SHOWN_LARGE),
        _ => shown.truncate(SHOWN_SMALL),
    }
    shown
}
