//! Clients of the services that Maelstrom provides to nodes.
//!
//! Services are reached over the simulated network: each operation costs two messages and their
//! latency, and after a timeout it is unknown whether the operation took effect.

mod kv;
mod tso;

pub use kv::Kv;
pub use tso::Tso;
