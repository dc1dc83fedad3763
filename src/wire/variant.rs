//! Decides whether a request enum has a variant for a message type: error 10 or error 12.
//!
//! A derived `Deserialize` reports an unknown variant only by calling `Error::unknown_variant`.
//! `serde_json` turns that into text, and its wording is not part of its contract. So the enum is
//! deserialized a second time, from a body that contains only the type, with an error type that
//! records which function was called. This happens only for requests that are refused.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapDeserializer;
use serde::de::{self, DeserializeOwned};

use super::Body;

/// Returns whether `R`, an enum tagged by `type`, has a variant for `kind`.
pub(super) fn is_variant<R: DeserializeOwned>(kind: &str) -> bool {
    let body = MapDeserializer::<_, Fault>::new(std::iter::once(("type", kind)));
    !matches!(Body::<R>::deserialize(body), Err(Fault::UnknownVariant))
}

/// The kind of error that a deserializer reported.
#[derive(Debug)]
enum Fault {
    UnknownVariant,
    Other,
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::UnknownVariant
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownVariant => "unknown variant",
            Self::Other => "malformed",
        })
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    #[allow(dead_code, reason = "only deserialized")]
    enum Request {
        Read,
        WriteAll { mode: Mode },
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        Fast,
    }

    #[test]
    fn variant_is_recognised_by_wire_name_without_its_fields() {
        assert!(is_variant::<Request>("read"));
        assert!(is_variant::<Request>("write_all"));
        assert!(!is_variant::<Request>("WriteAll"));
        assert!(
            !is_variant::<Request>("fast"),
            "a variant of a field's type"
        );
        assert!(!is_variant::<Request>(""));
    }

    #[test]
    fn unknown_variant_in_a_field_does_not_make_the_type_unknown() {
        let body = MapDeserializer::<_, de::value::Error>::new(
            [("type", "write_all"), ("mode", "slow")].into_iter(),
        );
        assert!(Request::deserialize(body).is_err());
        assert!(is_variant::<Request>("write_all"));
        let Request::WriteAll { mode: Mode::Fast } =
            serde_json::from_str(r#"{"type":"write_all","mode":"fast"}"#).unwrap()
        else {
            panic!("a valid request must deserialize")
        };
    }
}
