//! Messages, and the lines they travel in.

use std::borrow::Cow;
use std::rc::Rc;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::edn::{json_text, write_fields};

/// An endpoint of the network. Nodes come first: node *i* of the run is endpoint *i*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointId(pub u32);

impl EndpointId {
    /// Returns the endpoint of a node.
    pub fn of_node(node: usize) -> EndpointId {
        EndpointId(u32::try_from(node).expect("the number of nodes fits into 32 bits"))
    }

    /// Returns the position among all endpoints.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A message's body: the text of a JSON object, passed on as it is.
pub type Body = Rc<str>;

/// Returns the text of a body with its `type` first, and `in_reply_to` and `msg_id` last: some
/// parsers need the tag first, and people read it first.
pub fn body_text(body: &Json) -> Body {
    let Some(fields) = body.as_object() else {
        return json_text(body).into();
    };
    let place = |name: &str| match name {
        "type" => 0,
        "in_reply_to" => 2,
        "msg_id" => 3,
        _ => 1,
    };
    let mut ordered: Vec<(&String, &Json)> = fields.iter().collect();
    ordered.sort_by_key(|(name, _)| place(name));
    let mut text = String::new();
    write_fields(ordered, &mut text);
    text.into()
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The network's number for it: 0, 1, 2, … over all messages of a run.
    pub id: u64,
    /// The sender.
    pub src: EndpointId,
    /// The receiver.
    pub dest: EndpointId,
    /// The content.
    pub body: Body,
}

/// The message on a line that a node wrote.
#[derive(Debug)]
pub struct ParsedLine<'a> {
    /// The name of the sender, as the message has it.
    pub src: Cow<'a, str>,
    /// The name of the receiver.
    pub dest: Cow<'a, str>,
    /// The body's text; `{}` if there was none.
    pub body: &'a str,
    /// What the line has after the message, which is ignored.
    pub rest: &'a str,
    /// Whether a byte order mark, which is ignored, begins the line.
    pub has_byte_order_mark: bool,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a message {\"src\", \"dest\", \"body\"}"
)]
struct Envelope<'a> {
    /// Nodes may number their messages; the network numbers them anew.
    #[serde(borrow, default, deserialize_with = "given")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    src: Cow<'a, str>,
    #[serde(borrow)]
    dest: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "given")]
    body: Option<&'a RawValue>,
}

/// Reads a field that is given. By default a field that is `null` would count as missing.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// Reads a line that a node wrote. As upstream, only the first message of a line counts.
///
/// # Errors
///
/// Says what is wrong with the line, and what was expected.
pub fn parse_line(line: &str) -> Result<ParsedLine<'_>, String> {
    let without_mark = line.strip_prefix('\u{feff}');
    let text = without_mark.unwrap_or(line).trim_start();
    if !text.starts_with('{') {
        return Err(not_an_object(text));
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Envelope<'_>>();
    let envelope = match values.next() {
        Some(Ok(envelope)) => envelope,
        Some(Err(error)) if is_json(text) => return Err(error.to_string()),
        Some(Err(error)) => return Err(not_json(text, &error.to_string())),
        None => unreachable!("the text begins with a bracket"),
    };
    let rest = text[values.byte_offset()..].trim();
    let id = envelope.id.map(RawValue::get);
    if let Some(id) = id.filter(|id| !is_integer(id)) {
        return Err(format!("\"id\" must be an integer, not {id}"));
    }
    let body = envelope.body.map_or("{}", RawValue::get);
    if !body.starts_with('{') {
        return Err(format!("the body must be an object, not {body}"));
    }
    Ok(ParsedLine {
        src: envelope.src,
        dest: envelope.dest,
        body,
        rest,
        has_byte_order_mark: without_mark.is_some(),
    })
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Explains a line that is not JSON.
fn not_json(line: &str, error: &str) -> String {
    let advice = if line.matches("\"src\"").count() > 1 {
        "two messages run together: end each with a line break, and let only one thread write at a \
         time"
    } else if line.contains("{'") {
        "JSON strings have double quotes"
    } else if line.trim_end() == "{" {
        "a message must be on one line"
    } else {
        "stdout is for messages only, logs belong on stderr"
    };
    format!("not JSON ({error}); {advice}")
}

/// Explains a line that does not begin as an object does.
fn not_an_object(line: &str) -> String {
    match serde_json::from_str::<IgnoredAny>(line) {
        Ok(_) => "a message must be an object".to_owned(),
        Err(error) => not_json(line, &error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn message_has_a_source_a_destination_and_perhaps_a_body_and_an_id() {
        let line = r#"{"src":"n0","dest":"n\u0031","body":{"type":"x"},"id":7}"#;
        let message = parse_line(line).unwrap();
        assert_eq!((&*message.src, &*message.dest), ("n0", "n1"));
        assert_eq!((message.body, message.rest), (r#"{"type":"x"}"#, ""));
        for line in [
            r#"{"src":"n0","dest":"n1"}"#,
            r#" {"src":"n0","dest":"n1","id":123456789012345678901234567890} "#,
        ] {
            assert_eq!(parse_line(line).unwrap().body, "{}");
        }
    }

    #[test]
    fn first_message_of_a_line_counts() {
        let message = r#"{"src":"n0","dest":"n1","body":{"type":"x"}}"#;
        for rest in [message, "// done", "}"] {
            let line = format!("{message} {rest}");
            assert_eq!(parse_line(&line).unwrap().rest, rest);
        }
        let marked = format!("\u{feff}{message}");
        assert!(parse_line(&marked).unwrap().has_byte_order_mark);
    }

    #[test]
    fn malformed_line_is_refused_with_the_reason() {
        for (line, reason) in [
            ("hello", "logs belong on stderr"),
            ("12:30 started", "logs belong on stderr"),
            ("{", "on one line"),
            ("{'src': 'n0'}", "double quotes"),
            (
                r#"{"src":"n0","dest":{"src":"n0","dest":"n1","body":{}}"#,
                "two messages run together",
            ),
            (r#"[null,"n0","n1",{}]"#, "must be an object"),
            (r#"{"src":"n0","body":{}}"#, "dest"),
            (r#"{"src":0,"dest":"n1","body":{}}"#, "string"),
            (r#"{"src":"n0","dest":"n1","body":{},"extra":1}"#, "extra"),
            (
                r#"{"src":"n0","dest":"n1","body":"text"}"#,
                "body must be an object",
            ),
            (
                r#"{"src":"n0","dest":"n1","body":null}"#,
                "body must be an object, not null",
            ),
            (
                r#"{"src":"n0","dest":"n1","body":{},"id":"x"}"#,
                "must be an integer",
            ),
            (
                r#"{"src":"n0","dest":"n1","body":{},"id":null}"#,
                "must be an integer, not null",
            ),
        ] {
            let error = parse_line(line).expect_err(line);
            assert!(error.contains(reason), "{line}: {error}");
        }
    }

    #[test]
    fn body_begins_with_its_type_and_ends_with_its_ids() {
        let body = json!({ "msg_id": 1, "delta": 2, "in_reply_to": 3, "type": "add", "zone": {} });
        assert_eq!(
            &*body_text(&body),
            r#"{"type":"add","delta":2,"zone":{},"in_reply_to":3,"msg_id":1}"#
        );
    }
}
