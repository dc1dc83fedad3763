//! A message's body in a few words.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::shortened;
use crate::net::Event;

/// Labels have so many characters at most.
pub(super) const LABEL_MAX: usize = 48;

/// What a diagram says of a message.
pub(super) struct Phrase {
    kind: String,
    /// Its type and its fields, shortened.
    pub text: String,
}

impl Phrase {
    /// Of the message of an event.
    pub fn of(event: &Event) -> Phrase {
        Phrase::of_body(&event.message.body)
    }

    fn of_body(body: &str) -> Phrase {
        let fields: BTreeMap<Cow<'_, str>, &RawValue> =
            serde_json::from_str(body).unwrap_or_default();
        let kind = fields
            .get("type")
            .and_then(|kind| serde_json::from_str(kind.get()).ok())
            .unwrap_or_default();
        let mut text = String::clone(&kind);
        for (name, value) in &fields {
            if !matches!(&**name, "type" | "msg_id" | "in_reply_to") {
                text.push(' ');
                text.push_str(name);
                text.push('=');
                text.push_str(value.get());
            }
            // The rest would not be shown.
            if text.len() > 4 * LABEL_MAX {
                break;
            }
        }
        Phrase {
            text: shortened(&text, LABEL_MAX),
            kind,
        }
    }

    /// Whether it initialises a node, or says that this is done.
    pub fn is_init(&self) -> bool {
        matches!(&*self.kind, "init" | "init_ok")
    }

    /// Whether it is an error reply.
    pub fn is_error(&self) -> bool {
        self.kind == "error"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_the_type_and_the_fields_that_say_something() {
        let text = |body| Phrase::of_body(body).text;
        let body = r#"{"type":"cas","msg_id":3,"key":"x","from":1,"to":{"a":[2]}}"#;
        assert_eq!(text(body), r#"cas from=1 key="x" to={"a":[2]}"#);
        assert_eq!(text(r#"{"in_reply_to":3,"type":"cas_ok"}"#), "cas_ok");
        assert_eq!(text("{}"), "");
        assert_eq!(text(r#"{"type":7}"#), "");
        let long = format!(r#"{{"type":"read_ok","messages":[{}1]}}"#, "0,".repeat(99));
        assert_eq!(text(&long).chars().count(), LABEL_MAX);
        assert!(Phrase::of_body(r#"{"type":"init","node_id":"n0"}"#).is_init());
        assert!(Phrase::of_body(r#"{"type":"error","code":11}"#).is_error());
    }
}
