//! Parsing of incoming messages: the envelope, the header of the body, and the request.
//!
//! A line is parsed in one of two ways. [`Message`] parses a valid request in a single pass. Nearly
//! all messages of a busy node are valid requests. Everything else (replies, `init`, requests to be
//! refused) is parsed step by step: an [`Envelope`] with a raw body, then the body's [`Header`], then
//! the content that the header announces.

mod body;
mod names;
mod tagged;
mod text;
mod variant;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

pub(crate) use self::body::Body;
pub(crate) use self::names::Names;
use self::variant::is_variant;
use crate::context::NodeId;
use crate::{Error, ErrorCode};

/// A message. Other fields, such as the `id` that Maelstrom adds, are ignored.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a, B> {
    #[serde(borrow)]
    pub(crate) src: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) dest: Cow<'a, str>,
    pub(crate) body: B,
}

/// A message with a request, parsed in a single pass.
pub(crate) type Message<'a, R> = Envelope<'a, Body<'a, R>>;

/// The fields that all bodies share. A `msg_id` may be any JSON; replies repeat it verbatim.
#[derive(Deserialize)]
pub(crate) struct Header<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) msg_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) in_reply_to: Option<&'a RawValue>,
}

/// The `msg_id` alone, for replies to bodies with a malformed header.
#[derive(Deserialize)]
pub(crate) struct MsgId<'a> {
    #[serde(borrow)]
    pub(crate) msg_id: Option<&'a RawValue>,
}

/// The body of `init`.
#[derive(Deserialize)]
pub(crate) struct Init {
    pub(crate) node_id: NodeId,
    pub(crate) node_ids: Names,
}

/// Parses an error reply. A reply without a valid code becomes a crash, which is not definite.
pub(crate) fn error_reply(body: &RawValue) -> Error {
    #[derive(Deserialize)]
    struct ErrorReply {
        code: ErrorCode,
        #[serde(default)]
        text: String,
    }
    match serde_json::from_str(body.get()) {
        Ok(ErrorReply { code, text }) => Error { code, text },
        Err(_) => Error::crash(format!("an error reply without a valid code: {body}")),
    }
}

/// Parses the request in a body.
///
/// # Errors
///
/// Error 10 if `R` has no such type, error 12 if the body does not match its type.
pub(crate) fn request<R: DeserializeOwned>(kind: &str, body: &RawValue) -> Result<R, Error> {
    match serde_json::from_str::<Body<'_, R>>(body.get()) {
        Ok(body) => Ok(body.request),
        Err(e) if is_variant::<R>(kind) => {
            Err(Error::malformed_request(format!("malformed {kind}: {e}")))
        }
        Err(_) => Err(Error::not_supported(format!(
            "unknown request type: {kind}"
        ))),
    }
}
