//! The workloads: what clients ask of a cluster, and how they read its answers.
//!
//! A [`Workload`] gives a generator of operations, a [`Client`] that turns each operation into
//! remote calls, and the rules by which errors become outcomes. The checker that goes with it is
//! chosen in [`crate::check`].

mod broadcast;
mod counter;
mod echo;
mod fields;
mod g_set;
mod kafka;
mod lin_kv;
pub mod topology;
mod txn;
mod unique_ids;

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::Value as Json;

pub use broadcast::Broadcast;
pub use counter::Counter;
pub use echo::Echo;
pub use fields::{Fields, Malformed};
pub use g_set::GSet;
pub use kafka::Kafka;
pub use lin_kv::LinKv;
pub use txn::Txn;
pub use unique_ids::UniqueIds;

use crate::edn::Value;
use crate::generator::{Generator, Invocation, OncePerThread};

/// The workload of this name, fresh: a workload may remember what happened in its run.
pub fn build(name: crate::check::Workload) -> Box<dyn Workload> {
    use crate::check::Workload as Name;
    match name {
        Name::Broadcast => Box::new(Broadcast),
        Name::Echo => Box::new(Echo),
        Name::GCounter => Box::new(Counter::Grow),
        Name::GSet => Box::new(GSet),
        Name::Kafka => Box::<Kafka>::default(),
        Name::LinKv => Box::new(LinKv),
        Name::PnCounter => Box::new(Counter::GrowAndShrink),
        Name::TxnListAppend => Box::new(Txn::ListAppend),
        Name::TxnRwRegister => Box::new(Txn::RwRegister),
        Name::UniqueIds => Box::new(UniqueIds),
    }
}

/// What a workload may be told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The names of the nodes.
    pub nodes: Vec<String>,
    /// Operations a second over all clients; 0 for none.
    pub rate: f64,
    /// How many client threads there are.
    pub concurrency: usize,
    /// The mean of the network's latency.
    pub latency: Duration,
    /// Active keys at a time, where the workload has keys.
    pub key_count: usize,
    /// Micro-operations per transaction at most.
    pub max_txn_length: usize,
    /// Writes per key at most.
    pub max_writes_per_key: u64,
    /// Whom broadcast's nodes are told to be their neighbours.
    pub topology: topology::Topology,
}

/// A kind of test.
pub trait Workload {
    /// Operations of the main phase. The caller ends the phase.
    fn generator(&self, settings: &Settings) -> Result<Box<dyn Generator>, String>;

    /// Operations after faults are healed and the cluster had time to recover, if the workload has
    /// such a phase, with the time after which it is cut off.
    fn final_generator(&self) -> Option<FinalPhase> {
        None
    }

    /// A client, connected to one node. A thread gets a fresh one when its operation ends `info`,
    /// unless the workload's clients are reusable.
    fn client(&self, settings: &Settings) -> Box<dyn Client>;

    /// A request for each node before the first operation, with the type of its only good answer.
    fn set_up(&self, _settings: &Settings, _node: &str) -> Option<(Json, &'static str)> {
        None
    }

    /// How errors become outcomes.
    fn rules(&self, _settings: &Settings) -> Rules {
        Rules::default()
    }
}

/// What happens once the main phase is over and the cluster has recovered.
pub struct FinalPhase {
    /// The operations.
    pub generator: Box<dyn Generator>,
    /// The phase ends after this time at the latest.
    pub limit: Option<Duration>,
}

impl FinalPhase {
    /// The same operation once on every thread, however long that takes.
    pub fn once_per_thread(invocation: Invocation) -> Self {
        Self {
            generator: Box::new(OncePerThread::new(invocation)),
            limit: None,
        }
    }
}

/// How the errors of a workload's calls become the outcomes of its operations.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether error replies and timeouts are told apart at all. If not, each of them is an
    /// exception, and the operation is indeterminate.
    pub handles_errors: bool,
    /// The functions that change nothing, so that an unanswered one certainly did not happen.
    pub idempotent: &'static [&'static str],
    /// Whether a thread keeps its connection when an operation ends `info`.
    pub reusable: bool,
    /// How long a client waits for an answer to each call.
    pub timeout: Duration,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            handles_errors: true,
            idempotent: &[],
            reusable: false,
            timeout: Duration::from_secs(5),
        }
    }
}

/// A client's side of one operation after the other: a state machine between calls.
pub trait Client {
    /// Begins an operation.
    fn invoke(&mut self, invocation: &Invocation) -> Step;

    /// Goes on with the operation, now that the last call was answered with `body`, which is not
    /// an error.
    ///
    /// # Errors
    ///
    /// The answer has not the form that the protocol demands.
    fn reply(&mut self, invocation: &Invocation, body: &Json) -> Result<Step, Malformed>;
}

/// What a client does next.
#[derive(Debug)]
pub enum Step {
    /// Sends this body to its node and waits for the answer. The caller adds the `msg_id`.
    Call(Json),
    /// The operation succeeded with this value.
    Ok(Value),
    /// The client gives up: the outcome is unknown, and the client is replaced (kafka's `crash`).
    Crash,
}
