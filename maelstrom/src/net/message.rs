//! Messages, and the lines they travel in.

use std::borrow::Cow;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::value::RawValue;

/// An endpoint of the network. Nodes come first: node *i* of the run is endpoint *i*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointId(pub u32);

impl EndpointId {
    /// The position among all endpoints.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A message's body: the text of a JSON object, passed on as it is.
pub type Body = Rc<str>;

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The network's number for it: 0, 1, 2, … over all messages of a run.
    pub id: u64,
    /// Who sent it.
    pub src: EndpointId,
    /// To whom.
    pub dest: EndpointId,
    /// What it says.
    pub body: Body,
}

/// What a node wrote on one line.
#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a message {\"src\", \"dest\", \"body\"}"
)]
pub struct ParsedLine<'a> {
    /// Nodes may number their messages; the network numbers them anew.
    #[serde(rename = "id")]
    _id: Option<i64>,
    /// Who claims to have sent it.
    #[serde(borrow)]
    pub src: Cow<'a, str>,
    /// To whom.
    #[serde(borrow)]
    pub dest: Cow<'a, str>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

impl ParsedLine<'_> {
    /// The body's text; a missing body is an empty one.
    pub fn body(&self) -> Body {
        self.body.map_or("{}", RawValue::get).into()
    }
}

/// Reads a line that a node wrote.
///
/// # Errors
///
/// Says what is wrong with the line, and what was expected.
pub fn parse_line(line: &str) -> Result<ParsedLine<'_>, String> {
    let parsed: ParsedLine<'_> = serde_json::from_str(line).map_err(|error| {
        if error.is_data() {
            error.to_string()
        } else {
            format!("not JSON ({error}); stdout is for messages only, logs belong on stderr")
        }
    })?;
    match parsed.body.map(RawValue::get) {
        Some(body) if !body.starts_with('{') => {
            Err(format!("the body must be an object, not {body}"))
        }
        _ => Ok(parsed),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_line;

    #[test]
    fn a_message_has_a_source_a_destination_a_body_and_perhaps_an_id() {
        let line = r#"{"src":"n0","dest":"n\u0031","body":{"type":"x"},"id":7}"#;
        let message = parse_line(line).unwrap();
        assert_eq!((&*message.src, &*message.dest), ("n0", "n1"));
        assert_eq!(&*message.body(), r#"{"type":"x"}"#);
        assert_eq!(
            &*parse_line(r#"{"src":"n0","dest":"n1"}"#).unwrap().body(),
            "{}"
        );
    }

    #[test]
    fn what_is_not_a_message_is_refused_with_the_reason() {
        for (line, reason) in [
            ("hello", "stdout is for messages only"),
            ("[1]", "expected"),
            (r#"{"src":"n0","body":{}}"#, "dest"),
            (r#"{"src":0,"dest":"n1","body":{}}"#, "string"),
            (r#"{"src":"n0","dest":"n1","body":{},"extra":1}"#, "extra"),
            (
                r#"{"src":"n0","dest":"n1","body":"text"}"#,
                "body must be an object",
            ),
            (r#"{"src":"n0","dest":"n1","body":{},"id":"x"}"#, "i64"),
        ] {
            let error = parse_line(line).expect_err(line);
            assert!(error.contains(reason), "{line}: {error}");
        }
    }
}
