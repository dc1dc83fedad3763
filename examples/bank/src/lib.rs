//! The classic bank: transfers between accounts, whose total never changes.
//!
//! [`Bank`] is a workload for Eddy: what clients do, and what must hold. [`Teller`] is a node that keeps
//! the accounts, and [`CarelessTeller`] performs a transfer in two steps, which clients can see.

mod node;
mod workload;

pub use node::{CarelessTeller, Teller};
pub use workload::{Bank, BankAnalysis};
