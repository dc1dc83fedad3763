//! The classic bank: transfers between accounts, whose total never changes.
//!
//! [`Bank`] is a workload for Eddy: what clients do, and what must hold. [`Teller`] is a node that keeps
//! the accounts, and [`CarelessTeller`] one that makes a mistake.

mod node;
mod workload;

pub use node::{CarelessTeller, Teller};
pub use workload::{Bank, BankAnalysis};
