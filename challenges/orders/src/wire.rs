//! Reads requests without a detour.
//!
//! A derived deserializer of an enum tagged by `type` first copies all fields, since the type may come
//! last. Nodes send the type first, so the two frequent messages between them are read directly. All others
//! are read as they would be without this module.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{CowStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::Request;

/// A request as it arrives.
pub struct Incoming(pub(crate) Request);

impl<'de> Deserialize<'de> for Incoming {
    fn deserialize<D: Deserializer<'de>>(body: D) -> Result<Self, D::Error> {
        body.deserialize_any(Body)
    }
}

struct Body;

impl<'de> Visitor<'de> for Body {
    type Value = Incoming;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a type")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Incoming, A::Error> {
        let key = map.next_key()?.map(|Text(key)| key);
        let mut kind = None;
        if key.as_deref() == Some("type") {
            let Text(text) = map.next_value()?;
            let rest = MapAccessDeserializer::new(&mut map);
            match &*text {
                "raft" => {
                    return Deserialize::deserialize(rest)
                        .map(Request::Raft)
                        .map(Incoming);
                }
                "shards" => {
                    return Deserialize::deserialize(rest)
                        .map(Request::Shards)
                        .map(Incoming);
                }
                _ => kind = Some(text),
            }
        }
        let fields = Fields { key, kind, map };
        Request::deserialize(MapAccessDeserializer::new(fields)).map(Incoming)
    }
}

/// A string that borrows from the line if it contains no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The fields of a body of which the first key was read, and its value if that is the type.
struct Fields<'de, A> {
    key: Option<Cow<'de, str>>,
    kind: Option<Cow<'de, str>>,
    map: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        match self.key.take() {
            Some(key) => seed.deserialize(CowStrDeserializer::new(key)).map(Some),
            None => self.map.next_key_seed(seed),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        match self.kind.take() {
            Some(kind) => seed.deserialize(CowStrDeserializer::new(kind)),
            None => self.map.next_value_seed(seed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> serde_json::Result<Request> {
        serde_json::from_str(text).map(|Incoming(request)| request)
    }

    #[test]
    fn request_is_read_wherever_its_type_is() {
        let order = r#"{"begin":{"order":"o1","home":1,"parts":[[0,[["p1",2]]]]}}"#;
        let fields = format!(r#""asks":[[7,1,{{"execute":{order}}}]]"#);
        for text in [
            format!(r#"{{"type":"shards",{fields}}}"#),
            format!(r#"{{{fields},"type":"shards"}}"#),
        ] {
            assert!(matches!(read(&text), Ok(Request::Shards(_))), "{text}");
        }
        for text in [
            r#"{"type":"pay","order":"o1","payment":"y1","amount":3}"#,
            r#"{"amount":3,"order":"o1","payment":"y1","type":"pay"}"#,
        ] {
            assert!(matches!(read(text), Ok(Request::Pay { .. })), "{text}");
        }
    }

    #[test]
    fn request_without_a_known_type_is_refused() {
        for text in [
            r#"{"type":"sell"}"#,
            r#"{"type":"shards","asks":7}"#,
            "{}",
            "[]",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
