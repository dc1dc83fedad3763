//! Sends the outcome of a handler back to the client.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::guard::{Panic, guarded};
use crate::outbox::Field;
use crate::{Context, Error, ErrorCode, Result};

/// The body of an error reply.
#[derive(Serialize)]
#[serde(tag = "type", rename = "error")]
pub(crate) struct ErrorReply<'a> {
    code: ErrorCode,
    text: &'a str,
}

impl<'a> From<&'a Error> for ErrorReply<'a> {
    fn from(error: &'a Error) -> Self {
        Self {
            code: error.code,
            text: &error.text,
        }
    }
}

/// Sends the outcome of a handler to the client, if the request carried a `msg_id`.
///
/// Without a `msg_id` an error is only logged. A panic is logged in either case.
pub(crate) fn answer<R: Serialize>(
    cx: &Context,
    client: &str,
    msg_id: Option<&RawValue>,
    outcome: Result<Result<R>, Panic>,
) {
    let sent = match (outcome, msg_id) {
        (Ok(Ok(reply)), Some(msg_id)) => send(cx, client, msg_id, &reply),
        (Ok(outcome), _) => outcome.map(drop),
        (Err(panic), _) => {
            let error = Error::crash(format!("the handler panicked: {panic}"));
            if msg_id.is_some() {
                log(cx, client, &error);
            }
            Err(error)
        }
    };
    if let Err(error) = sent {
        refuse(cx, client, msg_id, &error);
    }
}

/// Sends an error reply to the client, or logs it if the request carried no `msg_id`.
pub(crate) fn refuse(cx: &Context, client: &str, msg_id: Option<&RawValue>, error: &Error) {
    match msg_id {
        Some(msg_id) => {
            send(cx, client, msg_id, &ErrorReply::from(error)).expect("an error can be serialized")
        }
        None => log(cx, client, error),
    }
}

fn log(cx: &Context, client: &str, error: &Error) {
    cx.log(&format!("a message from {client} failed: {error}"));
}

/// Sends a reply. Returns a crash error if serializing it fails or panics.
fn send(cx: &Context, client: &str, msg_id: &RawValue, reply: &impl Serialize) -> Result<()> {
    guarded(|| cx.push(client, reply, Field::InReplyTo(msg_id.get())))
        .map_err(|panic| Error::crash(format!("serializing the reply panicked: {panic}")))?
        .map_err(|e| Error::crash(format!("the reply cannot be serialized: {e}")))
}
