//! Reading a transcript: from the values of a history's operations to numbered keys and messages.

use std::collections::BTreeMap;

use super::transcript::{Action, Key, KeyFacts, Message, MessageFacts, Record, Step, Transcript};
use super::undecided::Undecided;
use crate::edn::Value;
use crate::history::{History, Kind, Operation};

/// Whether operations of this function send or poll.
pub(super) fn is_transactional(f: &str) -> bool {
    matches!(f, "send" | "poll" | "txn")
}

impl<'h> Transcript<'h> {
    /// Reads the operations `send`, `poll`, `txn` and `assign` of all clients.
    ///
    /// # Errors
    ///
    /// Names the first operation whose value has not the shape that the workload gives it.
    pub(super) fn read(history: &'h History) -> Result<Transcript<'h>, Undecided> {
        let mut reader = Reader::default();
        for operation in history.clients().filter(|op| op.kind != Kind::Invoke) {
            let invocation = history.invocation(operation).unwrap_or(operation);
            reader.step(invocation, operation, operation.kind)?;
        }
        // An operation that never completed may have happened.
        for (invocation, completion) in history.pairs() {
            if completion.is_none() {
                reader.step(invocation, invocation, Kind::Info)?;
            }
        }
        let mut transcript = reader.transcript;
        transcript.has_operations = history.clients().next().is_some();
        transcript.gather_facts();
        Ok(transcript)
    }
}

/// A transcript under construction, and the numbers given out so far.
#[derive(Default)]
struct Reader<'h> {
    transcript: Transcript<'h>,
    keys: BTreeMap<&'h Value, Key>,
    /// For each key.
    messages: Vec<BTreeMap<&'h Value, Message>>,
}

impl<'h> Reader<'h> {
    fn step(
        &mut self,
        invocation: &'h Operation,
        completion: &'h Operation,
        kind: Kind,
    ) -> Result<(), Undecided> {
        let action = match &*completion.f {
            "assign" => self.assignment(&completion.value),
            f if is_transactional(f) => self.transaction(&completion.value),
            _ => return Ok(()),
        };
        let action = action.ok_or(Undecided::Malformed {
            op: completion.index,
        })?;
        self.transcript.steps.push(Step {
            invocation,
            completion,
            kind,
            action,
        });
        Ok(())
    }

    fn assignment(&mut self, value: &'h Value) -> Option<Action> {
        let keys = items(value)?;
        Some(Action::Assign(keys.iter().map(|k| self.key(k)).collect()))
    }

    fn transaction(&mut self, value: &'h Value) -> Option<Action> {
        let (mut sends, mut polls) = (Vec::new(), Vec::new());
        for step in items(value)? {
            match step.as_seq()? {
                [f, key, what] if f.as_keyword() == Some("send") => {
                    let key = self.key(key);
                    let record = match what {
                        Value::Vector(pair) => self.record(key, pair)?,
                        message => Record {
                            offset: None,
                            message: self.message(key, message),
                        },
                    };
                    records_of(&mut sends, key).push(record);
                }
                [f] if f.as_keyword() == Some("poll") => {}
                [f, logs] if f.as_keyword() == Some("poll") => {
                    if logs.is_nil() {
                        continue;
                    }
                    let first = polls.is_empty();
                    let logs = logs.as_map()?;
                    if first {
                        polls.reserve_exact(logs.len());
                    }
                    for (key, pairs) in logs {
                        let key = self.key(key);
                        let records = items(pairs)?
                            .iter()
                            .map(|pair| self.record(key, pair.as_seq()?))
                            .collect::<Option<Vec<Record>>>()?;
                        // The keys of one poll differ, and there may be thousands of them.
                        match first {
                            true => polls.push((key, records)),
                            false => records_of(&mut polls, key).extend(records),
                        }
                    }
                }
                _ => return None,
            }
        }
        Some(Action::Transact { sends, polls })
    }

    fn record(&mut self, key: Key, pair: &'h [Value]) -> Option<Record> {
        let [offset, message] = pair else { return None };
        let offset = match offset {
            Value::Nil => None,
            offset => Some(offset.as_int()?),
        };
        let message = self.message(key, message);
        Some(Record { offset, message })
    }

    fn key(&mut self, value: &'h Value) -> Key {
        *self.keys.entry(value).or_insert_with(|| {
            self.messages.push(BTreeMap::new());
            self.transcript.keys.push(KeyFacts {
                key: value,
                messages: Vec::new(),
                polled: None,
            });
            self.messages.len() - 1
        })
    }

    fn message(&mut self, key: Key, value: &'h Value) -> Message {
        let facts = &mut self.transcript.keys[key].messages;
        *self.messages[key].entry(value).or_insert_with(|| {
            facts.push(MessageFacts {
                value,
                writer: None,
                failed: false,
                acknowledged: false,
                read: false,
                first_reader: None,
            });
            facts.len() - 1
        })
    }
}

/// The items of a sequence; of `nil`, which JSON's `null` becomes, none.
fn items(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Nil => Some(&[]),
        value => value.as_seq(),
    }
}

/// The records of a key: a key mentioned twice in a transaction has one list.
fn records_of(logs: &mut Vec<(Key, Vec<Record>)>, key: Key) -> &mut Vec<Record> {
    let at = logs.iter().position(|(k, _)| *k == key);
    let at = at.unwrap_or_else(|| {
        // Most operations have one record of one key, and there may be a million of them.
        if logs.is_empty() {
            logs.reserve_exact(1);
        }
        logs.push((key, Vec::with_capacity(1)));
        logs.len() - 1
    });
    &mut logs[at].1
}
