//! JSON with integers of any size.
//!
//! `serde_json` turns integers beyond 64 bits into floats, which loses digits. (Its feature
//! `arbitrary_precision` does not, but breaks the tagged enums that nodes are made of.) So such an
//! integer becomes an object with the single field [`BIG_INTEGER`] when it is parsed here, and an
//! integer again when it is written here.

use serde_json::{Map, Value as Json};

/// The field that holds the digits of an integer beyond 64 bits.
const BIG_INTEGER: &str = "$eddy::integer";

/// Integers of up to this many digits always fit into 64 bits.
const SAFE_DIGITS: usize = 18;

/// Parses JSON text and keeps integers of any size.
///
/// # Errors
///
/// The text is not JSON.
pub fn parse_json(text: &str) -> Result<Json, serde_json::Error> {
    match mark_big_integers(text) {
        Some(marked) => serde_json::from_str(&marked),
        None => serde_json::from_str(text),
    }
}

/// Returns the JSON text of a value from [`parse_json`] or [`Value::to_json`](super::Value::to_json).
pub fn json_text(json: &Json) -> String {
    let mut text = String::new();
    write_json(json, &mut text);
    text
}

/// Returns whether a value from [`parse_json`] is an integer, of any size.
pub fn is_json_integer(json: &Json) -> bool {
    json.is_i64() || json.is_u64() || big_integer(json).is_some()
}

/// Returns the digits of an integer beyond 64 bits.
pub(super) fn big_integer(json: &Json) -> Option<&str> {
    let fields = json.as_object().filter(|fields| fields.len() == 1)?;
    fields.get(BIG_INTEGER)?.as_str()
}

/// Returns the value that stands for an integer beyond 64 bits.
pub(super) fn from_digits(digits: String) -> Json {
    Json::Object(Map::from_iter([(BIG_INTEGER.to_owned(), digits.into())]))
}

/// Appends the text of a value.
pub(crate) fn write_json(json: &Json, out: &mut String) {
    match json {
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_json(item, out);
            }
            out.push(']');
        }
        Json::Object(fields) => match big_integer(json) {
            Some(digits) => out.push_str(digits),
            None => write_fields(fields, out),
        },
        atom => out.push_str(&atom.to_string()),
    }
}

/// Appends an object.
pub(crate) fn write_fields<'a>(
    fields: impl IntoIterator<Item = (&'a String, &'a Json)>,
    out: &mut String,
) {
    out.push('{');
    for (i, (name, value)) in fields.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(&Json::from(name.as_str()).to_string());
        out.push(':');
        write_json(value, out);
    }
    out.push('}');
}

/// Replaces the integers beyond 64 bits in JSON text. `None` if there are none.
fn mark_big_integers(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut marked: Option<String> = None;
    // The start of the part that was not copied yet.
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let is_part =
                    |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let length = bytes[at..].iter().take_while(|byte| is_part(byte)).count();
                let number = &text[at..at + length];
                if length > SAFE_DIGITS && is_beyond_64_bits(number) {
                    let out = marked.get_or_insert_default();
                    out.push_str(&text[copied..at]);
                    out.push_str(&from_digits(number.to_owned()).to_string());
                    copied = at + length;
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    if let Some(marked) = &mut marked {
        marked.push_str(&text[copied..]);
    }
    marked
}

/// Returns the position after the string that begins at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn is_beyond_64_bits(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    // JSON has no leading zeros; `serde_json` refuses them.
    let is_integer = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    is_integer && number.parse::<i64>().is_err() && number.parse::<u64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edn::Value;

    #[test]
    fn integers_of_any_size_keep_every_digit() {
        let text = concat!(
            r#"{"a":[1208925819614629174706176,-340282366920938463463374607431768211456],"#,
            r#""b":"9 \" 99999999999999999999","c":18446744073709551615,"d":-9223372036854775808,"#,
            r#""e":[1.5,1e300]}"#
        );
        let json = parse_json(text).unwrap();
        assert_eq!(json_text(&json), text.replace("1e300", "1e+300"));
        assert!(is_json_integer(&json["a"][1]) && !is_json_integer(&json["e"][0]));
        assert_eq!(Value::from_json(&json).to_json(), json);
    }

    #[test]
    fn malformed_numbers_are_refused() {
        for text in [
            "0123456789012345678901",
            "-",
            "12345678901234567890-1",
            "[1234567890123456789012.]",
        ] {
            parse_json(text).expect_err(text);
        }
    }
}
