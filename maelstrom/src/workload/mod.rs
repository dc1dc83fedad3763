//! Workloads: what clients ask of a cluster, and what they demand of its answers.
//!
//! A [`Workload`] is one value that holds everything about one kind of test: its name, its protocol,
//! its options, the operations that clients perform, how each operation becomes requests, and the
//! checker that judges the finished history. The built-in ones are listed in [`built_in`]; a
//! program of your own adds more (see [`crate::Workbench`]).
//!
//! Each workload has a folder. Read [`echo`](Echo) first: it is the smallest one.

mod broadcast;
mod counter;
mod echo;
mod fields;
mod g_set;
mod jobs;
mod kafka;
mod leader_election;
mod lin_kv;
mod list;
mod orders;
mod settings;
mod txn;
mod unique_ids;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

pub use broadcast::{Broadcast, Topology};
pub use counter::{GCounter, PnCounter};
pub use echo::{Echo, EchoAnalysis};
pub use fields::{Fields, Malformed};
pub use g_set::GSet;
pub use jobs::{Capacity, Jobs, JobsAnalysis, Slow};
pub use kafka::Kafka;
pub use leader_election::{LeaderElection, LeaderElectionAnalysis, Tenure};
pub use lin_kv::LinKv;
pub use list::{Workloads, built_in};
pub use orders::{Orders, OrdersAnalysis};
pub use settings::{OptionSpec, Options, Settings};
pub use txn::{TxnListAppend, TxnRwRegister};
pub use unique_ids::{UniqueIds, UniqueIdsAnalysis};

use crate::check::Analysis;
use crate::edn::Value;
use crate::generator::{Generator, Invocation, OncePerThread};
use crate::history::History;
use crate::nemesis::FaultSpec;

/// A workload whose type does not matter.
pub type AnyWorkload = Arc<dyn Workload>;

/// Everything that belongs to one kind of test.
///
/// The value itself holds no state: what a run has to remember lives in the generators of its
/// [`Phases`] and in its clients. So one value serves any number of runs, also at the same time.
pub trait Workload: Send + Sync {
    /// The name on the command line and in paths, such as `lin-kv`.
    fn name(&self) -> &str;

    /// What clients do and what they demand, in one line.
    fn summary(&self) -> &str;

    /// The protocol as a page of Markdown: messages with examples, what the checker demands, the
    /// official challenges, hints. `eddy workloads NAME` prints it.
    fn protocol(&self) -> &str;

    /// The functions of its operations, such as `read` and `write`. A history with any other
    /// function belongs to another workload.
    fn functions(&self) -> &[&str];

    /// The options that it understands besides the common ones, with their defaults.
    fn options(&self) -> Vec<OptionSpec> {
        Vec::new()
    }

    /// Checks that the settings fit, before anything is started.
    ///
    /// # Errors
    ///
    /// The settings do not fit; the text says which would.
    fn validate(&self, _settings: &Settings) -> Result<(), String> {
        Ok(())
    }

    /// The number of client threads for so many nodes, unless an option says otherwise.
    fn default_concurrency(&self, nodes: usize) -> usize {
        nodes
    }

    /// The faults that only this workload has.
    fn faults(&self, _settings: &Settings) -> Vec<FaultSpec> {
        Vec::new()
    }

    /// The operations of a run. The settings were accepted by [`Workload::validate`].
    fn phases(&self, settings: &Settings) -> Phases;

    /// A client, connected to one node. A thread gets a fresh one when its operation ends `info`,
    /// unless [`Rules::reusable`] says otherwise.
    fn client(&self, settings: &Settings) -> Box<dyn Client>;

    /// A request that each node must answer before the first operation.
    fn set_up(&self, _settings: &Settings, _node: &str) -> Option<SetUp> {
        None
    }

    /// Returns whether [`Workload::set_up`] gives every node the same request, so that it needs to be
    /// built only once: it may be long in a large cluster.
    fn has_common_set_up(&self) -> bool {
        false
    }

    /// How errors become outcomes.
    fn rules(&self, _settings: &Settings) -> Rules {
        Rules::default()
    }

    /// Judges a finished history.
    fn check(&self, history: &History, settings: &Settings) -> Box<dyn Analysis>;
}

impl fmt::Debug for dyn Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The operations of a run.
pub struct Phases {
    /// Operations while faults are injected. The phase ends with the run's time limit.
    pub main: Box<dyn Generator>,
    /// Operations after faults are healed and the cluster had time to recover, if there are any.
    pub last: Option<FinalPhase>,
}

impl Phases {
    /// Only a main phase.
    pub fn main(generator: impl Generator + 'static) -> Phases {
        Phases {
            main: Box::new(generator),
            last: None,
        }
    }

    /// The same, followed by a final phase.
    pub fn then(self, last: FinalPhase) -> Phases {
        Phases {
            last: Some(last),
            ..self
        }
    }
}

/// The operations after the main phase, once the cluster has recovered.
pub struct FinalPhase {
    /// The operations.
    pub generator: Box<dyn Generator>,
    /// The longest time that the phase takes; no limit if `None`.
    pub limit: Option<Duration>,
}

impl FinalPhase {
    /// The same operation once on every thread, however long that takes.
    pub fn once_per_thread(invocation: Invocation) -> FinalPhase {
        FinalPhase {
            generator: Box::new(OncePerThread::new(invocation)),
            limit: None,
        }
    }
}

/// A request that a node must answer before the first operation.
#[derive(Clone, Debug, PartialEq)]
pub struct SetUp {
    /// The body of the request, without `msg_id`.
    pub request: Json,
    /// The type of the only good answer, such as `topology_ok`.
    pub reply_type: Cow<'static, str>,
    /// Whether a node that was killed and started again is set up again.
    pub after_restart: bool,
}

/// How the errors of a workload's calls become the outcomes of its operations.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whether error replies and timeouts are distinguished at all. If not, each of them is an
    /// exception, and the operation is indeterminate.
    pub handles_errors: bool,
    /// The functions that change nothing, so that an unanswered one certainly did not happen.
    pub idempotent: Vec<Cow<'static, str>>,
    /// Whether a thread keeps its connection when an operation ends `info`.
    pub reusable: bool,
    /// The longest time that a client waits for the answer to one call.
    pub timeout: Duration,
}

impl Default for Rules {
    /// Errors are distinguished, nothing is idempotent, clients are replaced, and a call waits for
    /// 5 s.
    fn default() -> Rules {
        Rules {
            handles_errors: true,
            idempotent: Vec::new(),
            reusable: false,
            timeout: Duration::from_secs(5),
        }
    }
}

/// A client's side of one operation after the other: a state machine between calls.
pub trait Client {
    /// Begins an operation.
    fn invoke(&mut self, invocation: &Invocation) -> Step;

    /// Continues the operation, now that the last call was answered with `body`, which is not an
    /// error.
    ///
    /// # Errors
    ///
    /// The answer does not have the form that the protocol demands.
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
