//! Maelstrom's services: the stores and the clock that nodes may lean on.
//!
//! Each [`Service`] is a state machine: one request in, one response out. Queues, latency and
//! `in_reply_to` are the network's business, so the same services serve real processes and
//! simulated nodes; randomness comes from the caller, so that a run can be replayed.
//!
//! | id | what it promises |
//! |---|---|
//! | `lin-kv` | linearizable: a single copy ([`LinKv`]) |
//! | `seq-kv` | sequential: requesters may see the past, each of them in order ([`SeqKv`]) |
//! | `lww-kv` | eventual, last write wins: two replicas that merge now and then ([`LwwKv`]) |
//! | `lin-tso` | ever increasing timestamps ([`LinTso`]) |

mod kv;
mod lww_kv;
mod seq_kv;
mod tso;

pub use kv::LinKv;
pub use lww_kv::LwwKv;
pub use seq_kv::{STATES_HELD, SeqKv};
pub use tso::LinTso;

use serde_json::Value as Json;

use crate::seed::ChaCha8Rng;

/// A service on the network.
pub trait Service {
    /// The response to the request `body` of the node called `requester`, to which the caller adds
    /// `in_reply_to`. `None` to a request of an unknown type: the requester sees its call time out.
    fn handle(&mut self, requester: &str, body: &Json, rng: &mut ChaCha8Rng) -> Option<Json>;
}

/// The services of every run, by the names that nodes call them.
pub fn all() -> Vec<(&'static str, Box<dyn Service>)> {
    vec![
        ("lin-kv", Box::<LinKv>::default()),
        ("lin-tso", Box::<LinTso>::default()),
        ("lww-kv", Box::<LwwKv>::default()),
        ("seq-kv", Box::<SeqKv>::default()),
    ]
}

#[cfg(test)]
mod tests;
