//! Messages as they come in: an envelope, the header of its body, and the request inside.
//!
//! The envelope is parsed once and borrows from the line. What a body is for shows in its header:
//! `in_reply_to` makes it a reply, anything else is a request.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapDeserializer;
use serde::de::{self, DeserializeOwned};
use serde_json::value::RawValue;

use crate::{Error, ErrorCode};

/// A message. Other fields, as the `id` that Maelstrom adds, are of no interest to a node.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow)]
    pub(crate) src: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) dest: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) body: &'a RawValue,
}

/// What every body has in common.
#[derive(Deserialize)]
pub(crate) struct Header<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) msg_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) in_reply_to: Option<&'a RawValue>,
}

/// The least that an answer needs, for a body whose header is not in order.
#[derive(Deserialize)]
pub(crate) struct MsgId<'a> {
    #[serde(borrow)]
    pub(crate) msg_id: Option<&'a RawValue>,
}

/// The body of `init`.
#[derive(Deserialize)]
pub(crate) struct Init {
    pub(crate) node_id: String,
    pub(crate) node_ids: Vec<String>,
}

/// The error in the body of an error reply. A reply without a proper code is as good as a crash.
pub(crate) fn error_reply(body: &RawValue) -> Error {
    #[derive(Deserialize)]
    struct ErrorReply {
        code: ErrorCode,
        #[serde(default)]
        text: String,
    }
    match serde_json::from_str(body.get()) {
        Ok(ErrorReply { code, text }) => Error { code, text },
        Err(_) => Error::crash(format!("an error without a proper code: {body}")),
    }
}

/// The request in a body; or why there is none: its type is not one of `R` (error 10), or the
/// rest of it is not what its type demands (error 12).
pub(crate) fn request<R: DeserializeOwned>(kind: &str, body: &RawValue) -> Result<R, Error> {
    serde_json::from_str(body.get()).map_err(|e| {
        if is_variant::<R>(kind) {
            Error::malformed_request(format!("not a proper {kind}: {e}"))
        } else {
            Error::not_supported(format!("no such request: {kind}"))
        }
    })
}

/// Whether `R`, an enum tagged by `type`, has a variant for `kind`.
///
/// Found out without a look at error texts: a body of nothing but the type is given to `R`, with
/// an error type that remembers whether the variant was at fault, or something after it.
fn is_variant<R: DeserializeOwned>(kind: &str) -> bool {
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
