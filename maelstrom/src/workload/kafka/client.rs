//! The client: what it is assigned to, and how far it has read.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::edn::Value;
use crate::generator::Invocation;
use crate::workload::{Client, Fields, Malformed, Step};

/// A client, at first assigned to no key.
#[derive(Default)]
pub(super) struct KafkaClient {
    /// For each assigned key the offset to read from next.
    positions: BTreeMap<String, i64>,
    /// The outcome of a poll whose offsets are being committed.
    polled: Option<Value>,
}

impl Client for KafkaClient {
    fn invoke(&mut self, invocation: &Invocation) -> Step {
        self.polled = None;
        match &*invocation.f {
            "send" => {
                let (key, message) = sent(invocation);
                Step::Call(json!({ "type": "send", "key": key, "msg": message.to_json() }))
            }
            "poll" => Step::Call(json!({ "type": "poll", "offsets": self.positions })),
            "assign" if seeks_to_beginning(invocation) => {
                let keys = assigned(invocation).into_iter();
                self.positions = keys.map(|key| (key.to_owned(), 0)).collect();
                Step::Ok(invocation.value.clone())
            }
            "assign" => {
                let keys = assigned(invocation);
                Step::Call(json!({ "type": "list_committed_offsets", "keys": keys }))
            }
            _ => Step::Crash,
        }
    }

    fn reply(&mut self, invocation: &Invocation, body: &Json) -> Result<Step, Malformed> {
        match (&*invocation.f, self.polled.take()) {
            ("send", _) => {
                let mut fields = Fields::of(body, "send_ok")?;
                let offset = fields.take_integer("offset")?;
                fields.end()?;
                let (key, message) = sent(invocation);
                let sent = Value::Vector([offset, message.clone()].into());
                let step = vec![Value::keyword("send"), key.into(), sent];
                Ok(Step::Ok(Value::Vector([Value::vector(step)].into())))
            }
            ("poll", None) => self.take_messages(body),
            ("poll", Some(polled)) => {
                Fields::of(body, "commit_offsets_ok")?.end()?;
                Ok(Step::Ok(polled))
            }
            _ => {
                let mut fields = Fields::of(body, "list_committed_offsets_ok")?;
                let committed = fields.take_object("offsets")?;
                fields.end()?;
                committed.values().try_for_each(|at| offset(at).map(drop))?;
                self.assign(&assigned(invocation));
                Ok(Step::Ok(invocation.value.clone()))
            }
        }
    }
}

impl KafkaClient {
    /// Takes what a poll returned: moves on behind it, and commits it if it is anything.
    ///
    /// The position moves before the commit succeeds, and stays where it is if the commit fails.
    fn take_messages(&mut self, body: &Json) -> Result<Step, Malformed> {
        let mut fields = Fields::of(body, "poll_ok")?;
        let logs = fields.take_object("msgs")?.iter();
        fields.end()?;
        let logs = logs.map(|(key, messages)| Ok((key, log(messages)?)));
        let logs: Vec<(&String, Log<'_>)> = logs.collect::<Result<_, _>>()?;

        let mut highest = BTreeMap::new();
        for (key, log) in &logs {
            let last = log.iter().map(|(offset, _)| *offset).max();
            let position = self.positions.entry((*key).clone()).or_default();
            *position = (*position).max(last.map_or(0, |last| last.saturating_add(1)));
            highest.extend(last.map(|last| (*key, last)));
        }
        let polled = polled(&logs);
        if highest.is_empty() {
            return Ok(Step::Ok(polled));
        }
        self.polled = Some(polled);
        Ok(Step::Call(
            json!({ "type": "commit_offsets", "offsets": highest }),
        ))
    }

    /// Goes on with these keys only. A key that the client did not have begins at 0: upstream's
    /// client asks for committed offsets and then does not use them, and the numbers of a run
    /// depend on that.
    fn assign(&mut self, keys: &[&str]) {
        let old = std::mem::take(&mut self.positions);
        let position = |key: &str| old.get(key).copied().unwrap_or(0);
        let keys = keys.iter().copied();
        self.positions = keys.map(|key| (key.to_owned(), position(key))).collect();
    }
}

/// Messages of one key with their offsets.
type Log<'a> = Vec<(i64, &'a Json)>;

/// The messages of one key in a poll. `null` is an empty list.
fn log(messages: &Json) -> Result<Log<'_>, Malformed> {
    match messages {
        Json::Array(messages) => messages.iter().map(message).collect(),
        Json::Null => Ok(Vec::new()),
        other => Err(Malformed(format!("messages must be a list, not {other}"))),
    }
}

fn message(pair: &Json) -> Result<(i64, &Json), Malformed> {
    match pair.as_array().map(Vec::as_slice) {
        Some([at, message]) => Ok((offset(at)?, message)),
        _ => Err(Malformed(format!(
            "a message must be [offset, message], not {pair}"
        ))),
    }
}

/// The outcome of a poll, as it stands in the history: `[[:poll {"7" [[5 9]]}]]`.
fn polled(logs: &[(&String, Log<'_>)]) -> Value {
    let pair = |(offset, message): &(i64, &Json)| {
        Value::Vector([(*offset).into(), Value::from_json(message)].into())
    };
    let logs = logs.iter().map(|(key, log)| {
        let log = log.iter().map(pair).collect();
        (Value::from(key.as_str()), Value::Vector(log))
    });
    let step = vec![Value::keyword("poll"), Value::Map(logs.collect())];
    Value::Vector([Value::vector(step)].into())
}

fn offset(value: &Json) -> Result<i64, Malformed> {
    value
        .as_i64()
        .ok_or_else(|| Malformed(format!("an offset must be an integer, not {value}")))
}

/// The key and the message of a send, `[[:send key message]]`.
fn sent(invocation: &Invocation) -> (&str, &Value) {
    let step = invocation.value.as_seq().and_then(|steps| steps.first());
    match step.and_then(Value::as_seq) {
        Some([_, Value::Str(key), message]) => (key, message),
        _ => panic!(
            "a send has a key and a message, unlike {}",
            invocation.value
        ),
    }
}

/// The keys of an assign.
fn assigned(invocation: &Invocation) -> Vec<&str> {
    let keys = invocation.value.as_seq().unwrap_or_default().iter();
    keys.filter_map(Value::as_str).collect()
}

fn seeks_to_beginning(invocation: &Invocation) -> bool {
    invocation
        .extra
        .iter()
        .any(|(name, _)| *name == "seek-to-beginning?")
}
