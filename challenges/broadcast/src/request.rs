//! The requests of clients and nodes, and how they are parsed.
//!
//! A derived `Deserialize` of an enum with a tag copies the whole message before it looks at the tag. In a
//! large cluster that takes a third of a node's time. Here the `type`, which comes first in messages of
//! nodes and of the workbench, decides how the rest is parsed.

use std::fmt;

use dissemination::Gossip;
use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The requests of clients and nodes.
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Request {
    Topology,
    Broadcast { message: i64 },
    Read,
    Gossip(Gossip<i64>),
}

const TYPES: &[&str] = &["topology", "broadcast", "read", "gossip"];

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Request;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request with a type")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Request, A::Error> {
        let mut before = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if name != "type" {
                before.insert(name, fields.next_value()?);
                continue;
            }
            let kind: String = fields.next_value()?;
            if before.is_empty() {
                return rest(&kind, fields);
            }
            while let Some((name, value)) = fields.next_entry::<String, Value>()? {
                before.insert(name, value);
            }
            let fields = MapDeserializer::new(before.into_iter());
            return rest(&kind, fields).map_err(|e: serde_json::Error| A::Error::custom(e));
        }
        Err(A::Error::missing_field("type"))
    }
}

/// Parses the fields of a request beside its type.
fn rest<'de, A: MapAccess<'de>>(kind: &str, fields: A) -> Result<Request, A::Error> {
    #[derive(Deserialize)]
    struct Broadcast {
        message: i64,
    }

    let fields = MapAccessDeserializer::new(fields);
    match kind {
        "topology" => IgnoredAny::deserialize(fields).map(|_| Request::Topology),
        "broadcast" => Broadcast::deserialize(fields)
            .map(|Broadcast { message }| Request::Broadcast { message }),
        "read" => IgnoredAny::deserialize(fields).map(|_| Request::Read),
        "gossip" => Gossip::deserialize(fields).map(Request::Gossip),
        _ => Err(A::Error::unknown_variant(kind, TYPES)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_may_stand_anywhere() {
        for text in [
            r#"{"type":"broadcast","message":7}"#,
            r#"{"message":7,"type":"broadcast"}"#,
            r#"{"other":[1],"message":7,"type":"broadcast","more":{}}"#,
        ] {
            let request = serde_json::from_str(text).expect(text);
            assert!(matches!(request, Request::Broadcast { message: 7 }));
        }
        let topology = r#"{"topology":{"n0":["n1"]},"type":"topology"}"#;
        let request = serde_json::from_str(topology).expect("a topology");
        assert!(matches!(request, Request::Topology));
    }

    #[test]
    fn malformed_request_is_refused() {
        for text in [
            r#"{"message":7}"#,
            r#"{"type":"broadcast"}"#,
            r#"{"type":"broadcast","message":"7"}"#,
            r#"{"type":"brood"}"#,
        ] {
            assert!(serde_json::from_str::<Request>(text).is_err(), "{text}");
        }
    }
}
