//! Maelstrom's errors: a code and a text.
//!
//! The important property of an error is whether it is definite ([`ErrorCode::is_definite`]): the
//! operation certainly did not take effect. Only then is it safe to do something else instead. Treat
//! every other error like a timeout, which may hide a success.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The result of a handler, a call, or a service client.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that nodes and clients send each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind of error, which also says whether the error is definite.
    pub code: ErrorCode,
    /// A description for people.
    pub text: String,
}

/// The error codes of Maelstrom's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
#[non_exhaustive]
pub enum ErrorCode {
    /// 0: no reply arrived in time. Not definite.
    Timeout,
    /// 1: the destination does not exist.
    NodeNotFound,
    /// 10: the node does not support this message type.
    NotSupported,
    /// 11: the node cannot serve the request now; it did nothing, and a retry may succeed.
    TemporarilyUnavailable,
    /// 12: the request body does not match its type.
    MalformedRequest,
    /// 13: the node failed while it processed the request. Not definite.
    Crash,
    /// 14: the operation was aborted without any effect.
    Abort,
    /// 20: the key does not exist.
    KeyDoesNotExist,
    /// 21: the key already exists.
    KeyAlreadyExists,
    /// 22: the current value is not the expected one.
    PreconditionFailed,
    /// 30: the transaction conflicted with another one and had no effect.
    TxnConflict,
    /// Any other code. Not definite, because its meaning is unknown.
    Other(i64),
}

impl ErrorCode {
    /// Returns whether the operation certainly did not take effect and never will.
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
            #[doc = concat!("Creates an error of code [`ErrorCode::", stringify!($code), "`].")]
            pub fn $name(text: impl Into<String>) -> Self {
                Self::new(ErrorCode::$code, text)
            }
        )*
    };
}

impl Error {
    /// Creates an error of any code.
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

    /// Returns whether the operation certainly did not take effect; see [`ErrorCode::is_definite`].
    pub fn is_definite(&self) -> bool {
        self.code.is_definite()
    }

    /// Returns whether a retry may succeed: the outcome is unknown, or the other side is temporarily
    /// unavailable. After an unknown outcome, retry only requests that may take effect twice.
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

/// Restores an [`Error`] that was wrapped in `anyhow`; any other error becomes a crash.
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
