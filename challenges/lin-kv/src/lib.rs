//! A linearizable key-value store, replicated with Raft.
//!
//! Package `raft` gives every node the same commands in the same order, exactly once. This crate
//! adds a store on one machine, and chooses a path for each request: a change enters the log, and a
//! read asks how far the log must be applied.

use std::collections::BTreeMap;
use std::time::Duration;

use glomers::prelude::*;
use raft::{Disk, ExactJson, Message, Options, Replica, StateMachine};

/// Default time after which a request fails. Maelstrom's clients wait for one second, or for ten
/// times the network's latency if that is longer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_millis(900);

/// A request of a client, or a message of another node.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Request {
    /// Reads the value of a key.
    Read { key: ExactJson },
    /// Sets the value of a key.
    Write { key: ExactJson, value: ExactJson },
    /// Sets the value of a key to `to` if it is `from`.
    Cas {
        key: ExactJson,
        from: ExactJson,
        to: ExactJson,
    },
    /// A message between replicas.
    Raft(Message<Registers>),
}

/// The reply to a client.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Reply {
    /// The value of the key.
    ReadOk { value: ExactJson },
    /// The value is set.
    WriteOk {},
    /// The value is changed.
    CasOk {},
}

/// The state machine: a register for each key, by the key's JSON text, so that `1` and `"1"` differ.
#[derive(Default, Serialize, Deserialize)]
pub struct Registers(BTreeMap<String, ExactJson>);

/// A change to a register.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Change {
    /// Sets the value.
    Write { key: ExactJson, value: ExactJson },
    /// Sets the value to `to` if it is `from`.
    Cas {
        key: ExactJson,
        from: ExactJson,
        to: ExactJson,
    },
}

/// The reason why a register refuses an operation.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The key was never written.
    NoSuchKey,
    /// The register holds this value instead of the expected one.
    Is(ExactJson),
}

impl StateMachine for Registers {
    type Command = Change;

    /// Whether the change was made. This is decided when the change is applied, in the order of the
    /// log, so every replica makes the same decision.
    type Output = Result<(), Refusal>;

    fn apply(&mut self, change: &Change) -> Result<(), Refusal> {
        match change {
            Change::Write { key, value } => {
                self.0.insert(key.to_string(), value.clone());
            }
            Change::Cas { key, from, to } => {
                let register = self.0.get_mut(key.as_str());
                let register = register.ok_or(Refusal::NoSuchKey)?;
                if register != from {
                    return Err(Refusal::Is(register.clone()));
                }
                *register = to.clone();
            }
        }
        Ok(())
    }
}

impl Registers {
    fn read(&self, key: &ExactJson) -> Result<ExactJson, Refusal> {
        let value = self.0.get(key.as_str()).cloned();
        value.ok_or(Refusal::NoSuchKey)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchKey => Self::key_does_not_exist("this key was never written"),
            Refusal::Is(value) => Self::precondition_failed(format!("the value is {value}")),
        }
    }
}

/// A node of the store.
pub struct LinKv(Replica<Registers>);

impl LinKv {
    /// Creates the node from the contents of its disk.
    ///
    /// # Errors
    ///
    /// The disk cannot be read or its contents are damaged.
    pub fn new(cx: &Context, disk: impl Disk, options: Options) -> Result<Self> {
        Ok(Self(Replica::new(cx, disk, options)?))
    }

    /// Makes a change, once. The node must not retry a change of unknown outcome, so the client
    /// receives that error unchanged.
    async fn change(&self, change: Change) -> Result<()> {
        Ok(self.0.execute(change).await??)
    }
}

glomers::compile_once!(LinKv);

impl Node for LinKv {
    type Request = Request;
    type Reply = Option<Reply>;

    async fn handle(&self, request: Request, cx: &Context) -> Result<Option<Reply>> {
        let reply = match request {
            Request::Read { key } => {
                let value = self.0.read(|registers| registers.read(&key)).await??;
                Reply::ReadOk { value }
            }
            Request::Write { key, value } => {
                self.change(Change::Write { key, value }).await?;
                Reply::WriteOk {}
            }
            Request::Cas { key, from, to } => {
                self.change(Change::Cas { key, from, to }).await?;
                Reply::CasOk {}
            }
            Request::Raft(message) => {
                self.0.receive(cx.sender(), message);
                return Ok(None);
            }
        };
        Ok(Some(reply))
    }

    async fn background(&self, cx: &Context) {
        self.0.run(cx).await;
    }
}
