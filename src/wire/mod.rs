//! Messages as they come in: an envelope, the header of its body, and the request inside.
//!
//! There are two ways to read a line. [`Message`] takes a request that is in order in a single
//! pass, which is nearly all a busy node ever reads. Whatever that cannot take (replies, `init`,
//! requests that must be refused) is read with care: an [`Envelope`] around a raw body, then its
//! [`Header`], and then what the header says it is.

mod body;
mod variant;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

pub(crate) use self::body::Body;
use self::variant::is_variant;
use crate::{Error, ErrorCode};

/// A message. Other fields, as the `id` that Maelstrom adds, are of no interest to a node.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a, B> {
    #[serde(borrow)]
    pub(crate) src: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) dest: Cow<'a, str>,
    pub(crate) body: B,
}

/// A message whose request has been read already.
pub(crate) type Message<'a, R> = Envelope<'a, Body<'a, R>>;

/// What every body has in common. A `msg_id` may be any JSON, and is given back as it came.
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
    match serde_json::from_str::<Body<'_, R>>(body.get()) {
        Ok(body) => Ok(body.request),
        Err(e) if is_variant::<R>(kind) => Err(Error::malformed_request(format!(
            "not a proper {kind}: {e}"
        ))),
        Err(_) => Err(Error::not_supported(format!("no such request: {kind}"))),
    }
}
