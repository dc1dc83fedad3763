//! JSON values that pass through a log unchanged, with integers of any size.
//!
//! `serde_json::Value` turns an integer beyond 64 bits into a float and so changes its digits. A
//! store must return the value it was given and must compare it exactly. [`ExactJson`] therefore
//! keeps the text of each number, in a canonical form for the rest of the value.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// Maximum nesting of arrays and objects, as in `serde_json`.
const MAX_DEPTH: usize = 128;

/// A JSON value with integers of any size.
///
/// Two values are equal if they are the same JSON: whitespace, the order of an object's fields and
/// the spelling of strings do not matter. `1`, `1.0` and `"1"` are three different values.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct ExactJson(Rc<RawValue>);

impl ExactJson {
    /// Returns the value `null`.
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned().into())
    }

    /// Returns an array of values.
    pub fn array(elements: &[Self]) -> Self {
        let array = serde_json::value::to_raw_value(elements);
        Self(array.expect("JSON values can be serialised").into())
    }

    /// Returns the canonical text of the value.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl<'de> Deserialize<'de> for ExactJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = canonical(raw.get(), MAX_DEPTH).map_err(D::Error::custom)?;
        let raw = RawValue::from_string(text).map_err(D::Error::custom)?;
        Ok(Self(raw.into()))
    }
}

impl PartialEq for ExactJson {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ExactJson {}

impl fmt::Display for ExactJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns the canonical text of a JSON value.
fn canonical(text: &str, depth: usize) -> serde_json::Result<String> {
    let text = text.trim_ascii();
    match text.bytes().next() {
        Some(b'{' | b'[') if depth == 0 => Err(serde_json::Error::custom(
            "arrays and objects are nested too deeply",
        )),
        Some(b'{') => {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            let field = |(name, value): (&String, &&RawValue)| {
                let name = serde_json::to_string(name)?;
                Ok(format!("{name}:{}", canonical(value.get(), depth - 1)?))
            };
            let fields: serde_json::Result<Vec<String>> = fields.iter().map(field).collect();
            Ok(format!("{{{}}}", fields?.join(",")))
        }
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(text)?;
            let element = |value: &&RawValue| canonical(value.get(), depth - 1);
            let elements: serde_json::Result<Vec<String>> = elements.iter().map(element).collect();
            Ok(format!("[{}]", elements?.join(",")))
        }
        Some(b'-' | b'0'..=b'9') => Ok(canonical_number(text)),
        _ => Ok(serde_json::from_str::<Value>(text)?.to_string()),
    }
}

/// Returns an integer as it is, and the shortest text of any other number. A number beyond the range
/// of a float stays as it is.
fn canonical_number(text: &str) -> String {
    match text {
        "-0" => "0".to_owned(),
        _ if !text.contains(['.', 'e', 'E']) => text.to_owned(),
        _ => serde_json::from_str::<Value>(text)
            .map_or_else(|_| text.to_owned(), |number| number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> ExactJson {
        serde_json::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn integers_of_any_size_keep_their_digits() {
        for text in [
            "0",
            "-1",
            "9007199254740993",
            "18446744073709551616",
            "-1180591620717411303424",
        ] {
            assert_eq!(json(text).to_string(), text);
            let nested = format!(r#"{{"a":[{text}]}}"#);
            assert_eq!(json(&nested).to_string(), nested);
        }
        assert_ne!(json("18446744073709551616"), json("18446744073709551617"));
    }

    #[test]
    fn equal_values_have_one_text() {
        assert_eq!(
            json(r#" { "b" : [ 1 , 2 ] , "a" : "\u0061" } "#),
            json(r#"{"a":"a","b":[1,2]}"#)
        );
        assert_eq!(json("1.50"), json("15e-1"));
        assert_eq!(json("-0"), json("0"));
        for (one, other) in [
            ("1", "1.0"),
            ("1", r#""1""#),
            ("null", "false"),
            ("[]", "{}"),
        ] {
            assert_ne!(json(one), json(other));
        }
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(json(&nested(MAX_DEPTH)).to_string(), nested(MAX_DEPTH));
        assert!(serde_json::from_str::<ExactJson>(&nested(100_000)).is_err());
    }
}
