//! Requests, and their fields on the wire.
//!
//! An enum with `#[serde(tag = "type")]` buffers the fields before it knows the variant, and the
//! buffer turns integers beyond 64 bits into floats. [`Fields`] reads each field directly.

use raft::Message;
use serde::Deserialize;

use crate::lists::{Lists, Transaction};

/// A request of a client, or a message of another node.
#[derive(Deserialize)]
#[serde(try_from = "Fields")]
pub enum Request {
    /// Executes a transaction.
    Txn {
        /// Its micro-operations; the values of reads are `null`.
        txn: Transaction,
    },
    /// A message between replicas.
    Raft(Message<Lists>),
}

/// A request of a client to a node without peers.
#[derive(Deserialize)]
#[serde(try_from = "Fields")]
pub enum ClientRequest {
    /// Executes a transaction.
    Txn {
        /// Its micro-operations; the values of reads are `null`.
        txn: Transaction,
    },
}

/// All fields of all requests.
#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "type")]
    kind: Kind,
    txn: Option<Transaction>,
    term: Option<raft::Term>,
    rpc: Option<raft::Rpc<raft::LogCommand<Lists>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Txn,
    Raft,
}

impl TryFrom<Fields> for Request {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        Ok(match fields.kind {
            Kind::Txn => Self::Txn {
                txn: required(fields.txn, "txn")?,
            },
            Kind::Raft => Self::Raft(Message::<Lists> {
                term: required(fields.term, "term")?,
                rpc: required(fields.rpc, "rpc")?,
            }),
        })
    }
}

impl TryFrom<Fields> for ClientRequest {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        match fields.kind {
            Kind::Txn => Ok(Self::Txn {
                txn: required(fields.txn, "txn")?,
            }),
            Kind::Raft => Err("nodes of this strategy exchange no messages".to_owned()),
        }
    }
}

fn required<T>(field: Option<T>, name: &str) -> Result<T, String> {
    field.ok_or_else(|| format!("missing field `{name}`"))
}
