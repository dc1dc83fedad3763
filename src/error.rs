//! Errors as Maelstrom defines them: a code that says what may have happened, and a text.
//!
//! The one question that matters about an error is whether the operation certainly did not happen
//! ([`ErrorCode::is_definite`]): only then is it safe to do something else instead. Everything that
//! is not definite must be treated like a timeout, which may hide a success.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a handler, a call, or a client of a service returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that travels between nodes, and between nodes and clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What went wrong, and whether it is certain that nothing was done.
    pub code: ErrorCode,
    /// The same for people.
    pub text: String,
}

/// The codes of Maelstrom's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
#[non_exhaustive]
pub enum ErrorCode {
    /// 0: no reply came in time. Not definite.
    Timeout,
    /// 1: the network knows no such node.
    NodeNotFound,
    /// 10: the node does not know this type of message.
    NotSupported,
    /// 11: not now; nothing was done, try again.
    TemporarilyUnavailable,
    /// 12: the request does not have the form that its type demands.
    MalformedRequest,
    /// 13: something broke in the middle. Not definite.
    Crash,
    /// 14: the operation was given up, without any effect.
    Abort,
    /// 20: the key does not exist.
    KeyDoesNotExist,
    /// 21: the key exists already.
    KeyAlreadyExists,
    /// 22: the value is not the one that was expected.
    PreconditionFailed,
    /// 30: the transaction lost against another one, and had no effect.
    TxnConflict,
    /// Any other number. Not definite, since its meaning is not known.
    Other(i64),
}

impl ErrorCode {
    /// Whether the operation certainly did not take effect, and never will.
    pub fn is_definite(self) -> bool {
        !matches!(self, Self::Timeout | Self::Crash | Self::Other(_))
    }
}

impl From<i64> for ErrorCode {
    fn from(code: i64) -> Self {
        match code {
            0 => Self::Timeout,
            1 => Self::NodeNotFound,
            10 => Self::NotSupported,
            11 => Self::TemporarilyUnavailable,
            12 => Self::MalformedRequest,
            13 => Self::Crash,
            14 => Self::Abort,
            20 => Self::KeyDoesNotExist,
            21 => Self::KeyAlreadyExists,
            22 => Self::PreconditionFailed,
            30 => Self::TxnConflict,
            other => Self::Other(other),
        }
    }
}

impl From<ErrorCode> for i64 {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Timeout => 0,
            ErrorCode::NodeNotFound => 1,
            ErrorCode::NotSupported => 10,
            ErrorCode::TemporarilyUnavailable => 11,
            ErrorCode::MalformedRequest => 12,
            ErrorCode::Crash => 13,
            ErrorCode::Abort => 14,
            ErrorCode::KeyDoesNotExist => 20,
            ErrorCode::KeyAlreadyExists => 21,
            ErrorCode::PreconditionFailed => 22,
            ErrorCode::TxnConflict => 30,
            ErrorCode::Other(other) => other,
        }
    }
}

macro_rules! constructors {
    ($($name:ident => $code:ident),* $(,)?) => {
        $(
            #[doc = concat!("An error of code [`ErrorCode::", stringify!($code), "`].")]
            pub fn $name(text: impl Into<String>) -> Self {
                Self::new(ErrorCode::$code, text)
            }
        )*
    };
}

impl Error {
    /// An error of any code.
    pub fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }

    constructors! {
        timeout => Timeout,
        node_not_found => NodeNotFound,
        not_supported => NotSupported,
        temporarily_unavailable => TemporarilyUnavailable,
        malformed_request => MalformedRequest,
        crash => Crash,
        abort => Abort,
        key_does_not_exist => KeyDoesNotExist,
        key_already_exists => KeyAlreadyExists,
        precondition_failed => PreconditionFailed,
        txn_conflict => TxnConflict,
    }

    /// Whether the operation certainly did not take effect; see [`ErrorCode::is_definite`].
    pub fn is_definite(&self) -> bool {
        self.code.is_definite()
    }

    /// Whether the same request may well succeed later: the outcome is unknown, or the other side
    /// said that it cannot answer *now*. Repeating after an unknown outcome is safe only for
    /// requests that may take effect twice.
    pub fn is_transient(&self) -> bool {
        !self.is_definite() || self.code == ErrorCode::TemporarilyUnavailable
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (error {})", self.text, i64::from(self.code))
    }
}

impl std::error::Error for Error {}

/// An [`Error`] that went through `anyhow` comes back as it was; anything else is a crash.
impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => error,
            Err(error) => Self::crash(format!("{error:#}")),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::crash(error.to_string())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::crash(error.to_string())
    }
}
