//! Reading the body of a reply against its closed schema.

use std::fmt;

use serde_json::{Map, Value as Json};

use crate::edn::{Value, is_json_integer};

/// A reply that does not have the form that the protocol demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The fields of a reply. Each expected one is taken out; what is left over at the end is one too
/// many: schemas are closed, so that a node that answers something else is told so.
pub struct Fields<'a> {
    body: &'a Map<String, Json>,
    seen: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The fields of `body`, which must be of type `reply_type`.
    pub fn of(body: &'a Json, reply_type: &str) -> Result<Fields<'a>, Malformed> {
        let body = body
            .as_object()
            .ok_or_else(|| Malformed(format!("{body} is no object")))?;
        match body.get("type").and_then(Json::as_str) {
            Some(found) if found == reply_type => {}
            _ => {
                let text = format!("expected a reply of type {reply_type}, got {}", json(body));
                return Err(Malformed(text));
            }
        }
        if let Some(id) = body.get("msg_id").filter(|id| !is_json_integer(id)) {
            return Err(Malformed(format!("msg_id must be an integer, not {id}")));
        }
        Ok(Fields {
            body,
            seen: vec!["type", "in_reply_to", "msg_id"],
        })
    }

    /// The field called `name`.
    pub fn take(&mut self, name: &'static str) -> Result<&'a Json, Malformed> {
        self.seen.push(name);
        self.body
            .get(name)
            .ok_or_else(|| Malformed(format!("field {name} is missing in {}", json(self.body))))
    }

    /// The field called `name`, as a value for the history.
    pub fn take_any(&mut self, name: &'static str) -> Result<Value, Malformed> {
        self.take(name).map(Value::from_json)
    }

    /// The integer called `name`.
    pub fn take_integer(&mut self, name: &'static str) -> Result<Value, Malformed> {
        match self.take_any(name)? {
            value if value.is_integer() => Ok(value),
            other => Err(Malformed(format!("{name} must be an integer, not {other}"))),
        }
    }

    /// The list called `name`. `null` counts as an empty one, and stays `null`.
    pub fn take_list(&mut self, name: &'static str) -> Result<Value, Malformed> {
        match self.take_any(name)? {
            value @ (Value::Vector(_) | Value::Nil) => Ok(value),
            other => Err(Malformed(format!("{name} must be a list, not {other}"))),
        }
    }

    /// The object called `name`; unlike a list it cannot be `null`.
    pub fn take_object(&mut self, name: &'static str) -> Result<&'a Map<String, Json>, Malformed> {
        let value = self.take(name)?;
        value
            .as_object()
            .ok_or_else(|| Malformed(format!("{name} must be an object, not {value}")))
    }

    /// Checks that nothing is left over.
    pub fn end(self) -> Result<(), Malformed> {
        match self
            .body
            .keys()
            .find(|key| !self.seen.contains(&key.as_str()))
        {
            None => Ok(()),
            Some(key) => Err(Malformed(format!(
                "unexpected field {key} in {}",
                json(self.body)
            ))),
        }
    }
}

fn json(body: &Map<String, Json>) -> String {
    Json::Object(body.clone()).to_string()
}
