//! Maelstrom's services: the stores and the timestamp oracle that nodes may use.
//!
//! Each service is a state machine: one request in, one response out. The network adds queues,
//! latency and `in_reply_to`, so the same services serve real processes and simulated nodes.
//! Randomness comes from the caller, so that a run can be replayed.
//!
//! | id | guarantee |
//! |---|---|
//! | `lin-kv` | linearizable: a single copy |
//! | `seq-kv` | sequential: requesters may see the past, each of them in order |
//! | `lww-kv` | last write wins: two replicas |
//! | `lin-tso` | ever increasing timestamps |

mod kv;
mod lww_kv;
mod seq_kv;
mod tso;

pub use lww_kv::Merges;

pub(crate) use kv::LinKv;
pub(crate) use lww_kv::LwwKv;
pub(crate) use seq_kv::SeqKv;
pub(crate) use tso::LinTso;

use serde_json::Value as Json;

use crate::seed::ChaCha8Rng;

/// A service on the network.
pub(crate) trait Service {
    /// Returns the response to the request `body` of the node called `requester`, to which the
    /// caller adds `in_reply_to`. `None` for a request of an unknown type, which gets no response.
    fn handle(&mut self, requester: &str, body: &Json, rng: &mut ChaCha8Rng) -> Option<Json>;
}

/// The names under which nodes reach the services.
pub(crate) const NAMES: [&str; 4] = ["lin-kv", "lin-tso", "lww-kv", "seq-kv"];

/// The options of the services of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceOptions {
    /// Whether the replicas of `lww-kv` keep merges.
    pub lww_kv: Merges,
}

/// Returns the services of a run, with their names.
pub(crate) fn all(options: ServiceOptions) -> Vec<(&'static str, Box<dyn Service>)> {
    let services: [Box<dyn Service>; 4] = [
        Box::<LinKv>::default(),
        Box::<LinTso>::default(),
        Box::new(LwwKv::new(options.lww_kv)),
        Box::<SeqKv>::default(),
    ];
    NAMES.into_iter().zip(services).collect()
}

#[cfg(test)]
mod tests;
