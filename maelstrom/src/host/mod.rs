//! Where nodes run: as real processes in real time, or as tasks in virtual time.
//!
//! A host starts nodes, hands them lines, and gives back what they write. It also owns the clock:
//! [`Host::wait`] is the only place where time passes, so the runner, the network, the workloads
//! and the nemesis are the same for both.

mod process;
mod simulated;

use std::time::Duration;

use anyhow::Result;

pub use process::{Command, ProcessHost};
pub use simulated::{NodeFactory, SimulatedHost};

/// Something that happened outside.
#[derive(Debug)]
pub enum Event {
    /// A node wrote a line.
    Line {
        /// The node's number.
        node: usize,
        /// What it wrote, without the line break.
        line: String,
    },
    /// A node ended without being told to.
    Exited {
        /// The node's number.
        node: usize,
        /// How it ended and its last words.
        report: String,
    },
    /// The time that was asked for has come.
    TimeReached,
}

/// The user wants no more: why a run broke off, and why no other should follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Something that runs nodes.
pub trait Host {
    /// The time since the host was made.
    fn now(&self) -> Duration;

    /// Starts a node, which has not been started or has been killed.
    fn start(&mut self, node: usize) -> Result<()>;

    /// Hands a line to a node. Never blocks: what a node does not read yet is kept for it.
    fn deliver(&mut self, node: usize, line: &str);

    /// Waits until something happens, at most until `until`.
    ///
    /// # Errors
    ///
    /// The run cannot go on: it was interrupted, or a simulated node spins without end.
    fn wait(&mut self, until: Option<Duration>) -> Result<Event>;

    /// Ends a node at once; its memory is gone.
    fn kill(&mut self, node: usize) -> Result<()>;

    /// Stops a node from running, for the time being.
    fn pause(&mut self, node: usize) -> Result<()>;

    /// Lets a paused node run on.
    fn resume(&mut self, node: usize) -> Result<()>;

    /// Sets a node's wall clock off by so many milliseconds, if this host can.
    fn set_clock_offset(&mut self, _node: usize, _offset_ms: i64) {}
}
