//! Eddy, a Maelstrom-compatible workbench: it starts a distributed system, gives it work, injects faults,
//! and checks what its clients saw. This crate is the program `eddy` and the library behind it.
//!
//! # Test a node
//!
//! [`Test`] runs a workload against a program in any language, on real processes, or against a
//! [`glomers::Node`] in a simulation of seconds of virtual time within milliseconds:
//!
//! ```
//! use eddy::nemesis::{Fault, Partition};
//! use eddy::simulation::{for_seeds, secs};
//! use glomers::prelude::*;
//!
//! #[derive(Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Request { Echo { echo: Value } }
//!
//! #[derive(Serialize)]
//! #[serde(tag = "type", rename_all = "snake_case")]
//! enum Reply { EchoOk { echo: Value } }
//!
//! struct Echo;
//!
//! impl Node for Echo {
//!     type Request = Request;
//!     type Reply = Reply;
//!
//!     async fn handle(&self, Request::Echo { echo }: Request, _: &Context) -> Result<Reply> {
//!         Ok(Reply::EchoOk { echo })
//!     }
//! }
//!
//! for_seeds(10, |seed| {
//!     let test = eddy::Test::new(eddy::workload::Echo)
//!         .node_count(3)
//!         .nemesis(Partition::any().every(secs(3)))
//!         .seed(seed)
//!         .simulated(|_: &Context| Echo);
//!     test.run().expect("the options fit together").assert_valid();
//! });
//! ```
//!
//! A failing test prints what went wrong, its seed, and the command that repeats it. The same seed gives
//! the same run, message for message; [`simulation::shrink`] finds its smallest failing part.
//!
//! # Extend it
//!
//! [`Workbench`] is the whole program with workloads and faults of your own. The guide
//! `docs/your-own-workload.md` builds one.
//!
//! | to add | implement or use |
//! |---|---|
//! | a workload: its operations, client and checker | [`workload::Workload`] |
//! | operations over time | [`generator::Generator`] and its combinators |
//! | a checker | [`check`], with parts for sets, counters, logs, transactions and linearizability |
//! | a fault | [`nemesis::Fault`], with the network's own in [`net::Faults`] |
//! | a chart on the page of a run | [`chart::Chart`] |
//!
//! # How a run works
//!
//! A workload's [`generator`] decides which operation a client performs next. The client turns it into
//! a message, the [`net`] delivers it late or not at all, and the node answers. Invocations and
//! completions form the [`history`], which the [`check`]er judges. Values in histories and results are
//! [`edn`], because upstream's files are.

mod cli;
mod decisions;
mod host;
mod report;
mod runner;
mod suite;
mod test;
mod workbench;

pub mod chart;
pub mod check;
pub mod edn;
pub mod generator;
pub mod history;
#[doc(hidden)]
pub mod internal;
pub mod nemesis;
pub mod net;
pub mod seed;
pub mod service;
pub mod simulation;
pub mod workload;

pub use test::Test;
pub use workbench::Workbench;

/// The version of Eddy, with the commit it was built from if that is known.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), env!("EDDY_COMMIT"));
