//! Clients of the services that Maelstrom runs beside the nodes.
//!
//! They are reached over the same network as everything else: each operation costs two messages
//! and their latency, and a timeout leaves open whether it happened.

mod kv;
mod tso;

pub use kv::Kv;
pub use tso::Tso;
