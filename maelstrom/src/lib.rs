//! Eddy: a Maelstrom-compatible workbench.

pub mod chart;
pub mod check;
pub mod cli;
pub mod edn;
pub mod generator;
pub mod history;
pub mod host;
pub mod nemesis;
pub mod net;
pub mod report;
pub mod runner;
pub mod seed;
pub mod service;
pub mod simulation;
pub mod suite;
mod test;
mod workbench;
pub mod workload;

pub use test::Test;
pub use workbench::Workbench;

/// The version of Eddy, with the commit it was built from if that is known.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), env!("EDDY_COMMIT"));
