//! Whether an enum of requests knows a type of message.
//!
//! Found out without a look at error texts: the enum is given a body of nothing but the type, with
//! an error type that remembers whether the variant was at fault, or something after it.

use std::fmt;

use serde::de::value::MapDeserializer;
use serde::de::{self, DeserializeOwned};

/// Whether `R`, an enum tagged by `type`, has a variant for `kind`.
pub(super) fn is_variant<R: DeserializeOwned>(kind: &str) -> bool {
    let body = MapDeserializer::<_, Fault>::new(std::iter::once(("type", kind)));
    !matches!(R::deserialize(body), Err(Fault::Variant))
}

/// What a deserialiser found wrong.
#[derive(Debug)]
enum Fault {
    Variant,
    Other,
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::Variant
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Variant => "unknown variant",
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
    #[allow(dead_code, reason = "only read into")]
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
    fn a_variant_is_known_by_its_name_on_the_wire_whatever_its_fields() {
        assert!(is_variant::<Request>("read"));
        assert!(is_variant::<Request>("write_all"));
        assert!(!is_variant::<Request>("WriteAll"));
        assert!(!is_variant::<Request>("fast"), "a name from deeper down");
        assert!(!is_variant::<Request>(""));
    }

    #[test]
    fn an_unknown_variant_deeper_down_does_not_make_the_type_unknown() {
        let body = MapDeserializer::<_, de::value::Error>::new(
            [("type", "write_all"), ("mode", "slow")].into_iter(),
        );
        assert!(Request::deserialize(body).is_err());
        assert!(is_variant::<Request>("write_all"));
        let Request::WriteAll { mode: Mode::Fast } =
            serde_json::from_str(r#"{"type":"write_all","mode":"fast"}"#).unwrap()
        else {
            panic!("a proper request is read")
        };
    }
}
