//! Requests and effects that all key-value services share, and `lin-kv`, the simplest service.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::Service;
use crate::edn::Value;
use crate::seed::ChaCha8Rng;

/// A key as its JSON text. Any value can be a key, and `1`, `1.0` and `"1"` are three keys.
pub(super) type Key = String;

/// A request to a key-value store. A field that is missing is `null`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    /// The key to read or assign.
    pub key: Key,
    action: Action,
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    Read,
    Write { value: Json },
    Cas { from: Json, to: Json, create: bool },
}

/// The effect of a request on a store where its key has a certain value.
#[derive(Debug, PartialEq)]
pub(super) struct Effect {
    /// The response.
    pub response: Json,
    /// The new value of the key, which may equal the old one; `None` if the key is not assigned.
    pub assigned: Option<Json>,
}

impl Request {
    /// Returns the request of a body, or `None` if stores do not know its type.
    pub fn parse(body: &Json) -> Option<Request> {
        let field = |name: &str| body.get(name).cloned().unwrap_or_default();
        let action = match body.get("type").and_then(Json::as_str) {
            Some("read") => Action::Read,
            Some("write") => Action::Write {
                value: field("value"),
            },
            Some("cas") => Action::Cas {
                from: field("from"),
                to: field("to"),
                create: !matches!(
                    field("create_if_not_exists"),
                    Json::Null | Json::Bool(false)
                ),
            },
            _ => return None,
        };
        Some(Request {
            key: field("key").to_string(),
            action,
        })
    }

    /// Returns the same request, except that a compare-and-set does not create a key.
    pub fn never_creating(mut self) -> Request {
        if let Action::Cas { create, .. } = &mut self.action {
            *create = false;
        }
        self
    }

    /// Returns the effect of the request where its key has the value `current`, or is absent.
    pub fn apply(&self, current: Option<&Json>) -> Effect {
        match (&self.action, current) {
            (Action::Read, Some(value)) => Effect {
                response: json!({ "type": "read_ok", "value": value }),
                assigned: None,
            },
            (Action::Write { value }, _) => Effect {
                response: json!({ "type": "write_ok" }),
                assigned: Some(value.clone()),
            },
            (Action::Cas { from, to, .. }, Some(value)) if value == from => swapped(to),
            (Action::Cas { from, .. }, Some(value)) => {
                // Upstream's text, which some programs parse.
                let (value, from) = (Value::from_json(value), clojure_text(from));
                refused(22, &format!("current value {value} is not {from}"))
            }
            (Action::Cas { to, create, .. }, None) if *create => swapped(to),
            (Action::Read | Action::Cas { .. }, None) => refused(20, "key does not exist"),
        }
    }
}

fn swapped(to: &Json) -> Effect {
    Effect {
        response: json!({ "type": "cas_ok" }),
        assigned: Some(to.clone()),
    }
}

fn refused(code: u32, text: &str) -> Effect {
    Effect {
        response: json!({ "type": "error", "code": code, "text": text }),
        assigned: None,
    }
}

/// Returns a value as Clojure's `str` shows it: strings without quotes, and everything else as EDN.
fn clojure_text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => Value::from_json(other).to_string(),
    }
}

/// `lin-kv`: one copy, one request at a time.
#[derive(Clone, Debug, Default)]
pub struct LinKv {
    values: BTreeMap<Key, Json>,
}

impl Service for LinKv {
    fn handle(&mut self, _: &str, body: &Json, _: &mut ChaCha8Rng) -> Option<Json> {
        let request = Request::parse(body)?;
        let effect = request.apply(self.values.get(&request.key));
        if let Some(value) = effect.assigned {
            self.values.insert(request.key, value);
        }
        Some(effect.response)
    }
}
