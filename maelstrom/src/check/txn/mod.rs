//! The checkers of transactions: which isolation anomalies a history shows.
//!
//! Nobody sees the order in which a database executes transactions. But what each of them read and
//! wrote tells of any two whether one must have come before the other; and where these dependencies
//! run in a circle, no order could have been. The class of the circle tells which isolation levels
//! it violates. The method is that of Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies
//! from Experimental Observations" (VLDB 2020), on the classes of Adya, "Weak Consistency" (1999).
//!
//! - [`list_append`] and [`rw_register`] infer the order of versions, find the anomalies that take
//!   no search, and yield dependencies, which `graph` collects;
//! - `order` adds those that time imposes, when a model asks for it;
//! - `components` finds the parts of the graph that contain cycles, and `search` the cycles of each
//!   class; `explain` gives the reason of each link;
//! - `model` knows what each consistency model forbids, and `analysis` draws the conclusion.
//!
//! Verdicts, anomalies and models are those of Maelstrom, whose checker is Elle. Only its search
//! for cycles is limited to a second per component, and classes a cycle before it knows which of
//! several relations explains each link; ours is complete, and decides that first. So where one
//! component holds cycles of several classes, ours may name a worse one.

mod analysis;
mod anomaly;
mod components;
mod explain;
mod graph;
pub mod list_append;
mod lost_update;
mod model;
mod order;
pub mod rw_register;
mod search;
#[cfg(test)]
mod testing;
mod transaction;

pub use analysis::TxnAnalysis;
pub use model::{Boundary, is_model, model_names};
