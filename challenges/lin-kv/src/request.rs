//! The fields of a request on the wire.
//!
//! An enum with `#[serde(tag = "type")]` buffers the fields before it knows the variant, and the
//! buffer turns integers beyond 64 bits into floats. This struct reads each field directly.

use raft::{ExactJson, Message};
use serde::{Deserialize, Deserializer};

use crate::{Registers, Request};

/// All fields of all requests.
#[derive(Deserialize)]
pub(crate) struct Fields {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default, deserialize_with = "present")]
    key: Option<ExactJson>,
    #[serde(default, deserialize_with = "present")]
    value: Option<ExactJson>,
    #[serde(default, deserialize_with = "present")]
    from: Option<ExactJson>,
    #[serde(default, deserialize_with = "present")]
    to: Option<ExactJson>,
    term: Option<raft::Term>,
    rpc: Option<Rpc>,
}

type Rpc = raft::Rpc<raft::LogCommand<Registers>>;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Read,
    Write,
    Cas,
    Raft,
}

impl TryFrom<Fields> for Request {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        Ok(match fields.kind {
            Kind::Read => Self::Read {
                key: required(fields.key, "key")?,
            },
            Kind::Write => Self::Write {
                key: required(fields.key, "key")?,
                value: required(fields.value, "value")?,
            },
            Kind::Cas => Self::Cas {
                key: required(fields.key, "key")?,
                from: required(fields.from, "from")?,
                to: required(fields.to, "to")?,
            },
            Kind::Raft => Self::Raft(Message::<Registers> {
                term: required(fields.term, "term")?,
                rpc: required(fields.rpc, "rpc")?,
            }),
        })
    }
}

fn required<T>(field: Option<T>, name: &str) -> Result<T, String> {
    field.ok_or_else(|| format!("missing field `{name}`"))
}

/// Reads a field that may be `null`, which differs from a field that is missing.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ExactJson>, D::Error> {
    ExactJson::deserialize(deserializer).map(Some)
}
