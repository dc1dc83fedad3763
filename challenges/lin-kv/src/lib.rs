//! A key-value store that behaves like a single copy, although every node has one.
//!
//! All of the difficulty is in the log (package `raft`): it gives every node the same commands in
//! the same order, exactly once. What is left here is what a store on one machine would be, and
//! which of the log's two doors a request takes: a change enters the log, a read asks only how far
//! the log must be applied.

use std::collections::BTreeMap;
use std::time::Duration;

use glomers::prelude::*;
use raft::{Disk, Message, Options, Replica, StateMachine};

/// Maelstrom's clients wait for a second, or ten times the network's latency if that is more.
pub const PATIENCE: Duration = Duration::from_millis(900);

/// What clients ask, and what other nodes say.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Request {
    /// The value of a key.
    Read { key: Value },
    /// Sets the value of a key.
    Write { key: Value, value: Value },
    /// Changes the value of a key, if it is `from`.
    Cas { key: Value, from: Value, to: Value },
    /// A word between replicas.
    Raft(Message<Registers>),
}

/// What clients hear.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Reply {
    /// The value.
    ReadOk { value: Value },
    /// It is set.
    WriteOk {},
    /// It is changed.
    CasOk {},
}

/// The state machine: a register for each key, under the key's JSON, so that `1` and `"1"` differ.
#[derive(Default, Serialize, Deserialize)]
pub struct Registers(BTreeMap<String, Value>);

/// A change of a register.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the workload")]
pub enum Change {
    /// Sets it.
    Write { key: Value, value: Value },
    /// Sets it to `to`, if it is `from`.
    Cas { key: Value, from: Value, to: Value },
}

/// Why a register does not do as it is told.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// It was never written.
    NoSuchKey,
    /// It holds this, which is not what was expected.
    Is(Value),
}

impl StateMachine for Registers {
    type Command = Change;

    /// Whether the change was made, or why not. That is decided here, where the order of all
    /// changes is known, and so every replica decides alike.
    type Output = Result<(), Refusal>;

    fn apply(&mut self, change: &Change) -> Result<(), Refusal> {
        match change {
            Change::Write { key, value } => {
                self.0.insert(key.to_string(), value.clone());
            }
            Change::Cas { key, from, to } => {
                let register = self.0.get_mut(&key.to_string());
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
    fn read(&self, key: &Value) -> Result<Value, Refusal> {
        let value = self.0.get(&key.to_string()).cloned();
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
    /// The node, with what is on its disk.
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or what is on it is damaged.
    pub fn new(cx: &Context, disk: impl Disk, options: Options) -> Result<Self> {
        Ok(Self(Replica::new(cx, disk, options)?))
    }

    /// Has a change made, once. A change of unknown outcome must not be tried again by anybody, so
    /// its error goes to the client as it is.
    async fn change(&self, change: Change) -> Result<()> {
        Ok(self.0.execute(change).await??)
    }
}

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
