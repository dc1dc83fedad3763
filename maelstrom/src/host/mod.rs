//! Hosts run nodes: as real processes in real time, or as tasks in virtual time.
//!
//! A host starts nodes, hands them lines, and returns what they write. It also owns the clock:
//! [`Host::wait`] is the only place where time passes, so the runner, the network, the workloads
//! and the nemesis are the same for both.

mod file_name;
mod process;
mod simulated;

use std::time::Duration;

use anyhow::Result;

pub use file_name::safe_file_name;
pub use process::{Command, ProcessHost};
pub use simulated::{NodeFactory, SimulatedHost};

/// An event outside of the run loop.
#[derive(Debug)]
pub enum Event {
    /// A node wrote a line.
    Line {
        /// The node's number.
        node: usize,
        /// The line, without its line break.
        line: String,
    },
    /// A node ended by itself.
    Exited {
        /// The node's number.
        node: usize,
        /// A description of how it ended, and its last output.
        report: String,
    },
    /// The time given to [`Host::wait`] was reached.
    TimeReached,
}

/// The error of a run that the user interrupted. A command that performs several runs stops then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// The last output of a running node, to explain why it does not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecentOutput {
    /// The last complete lines of its standard output, oldest first.
    pub stdout: Vec<String>,
    /// Its standard output after the last line break.
    pub unfinished: String,
    /// The last lines of its standard error, oldest first.
    pub stderr: Vec<String>,
}

/// An environment that runs nodes.
pub trait Host {
    /// Returns the time since the host was made.
    fn now(&self) -> Duration;

    /// Starts a node that is not running.
    ///
    /// # Errors
    ///
    /// The node's program cannot be run.
    fn start(&mut self, node: usize) -> Result<()>;

    /// Passes a line to a node. Never blocks: lines that the node does not read yet are buffered.
    fn deliver(&mut self, node: usize, line: Vec<u8>);

    /// Waits for the next event, at most until `until`.
    ///
    /// # Errors
    ///
    /// The run cannot continue: it was interrupted, or a simulated node spins.
    fn wait(&mut self, until: Option<Duration>) -> Result<Event>;

    /// Ends a node at once; its memory is lost.
    ///
    /// # Errors
    ///
    /// The node is not running.
    fn kill(&mut self, node: usize) -> Result<()>;

    /// Stops a node from running until it is resumed.
    ///
    /// # Errors
    ///
    /// The node is not running.
    fn pause(&mut self, node: usize) -> Result<()>;

    /// Resumes a paused node.
    ///
    /// # Errors
    ///
    /// The node is not running.
    fn resume(&mut self, node: usize) -> Result<()>;

    /// Sets a node's wall clock off by `offset_ms` milliseconds. Hosts whose clocks cannot be
    /// changed ignore it.
    fn set_clock_offset(&mut self, _node: usize, _offset_ms: i64) {}

    /// Returns the last output of a node. Empty on hosts that do not keep it.
    fn recent_output(&self, _node: usize) -> RecentOutput {
        RecentOutput::default()
    }

    /// Returns how many bytes of a node's standard error were left out of its log, which is capped.
    fn unlogged_bytes(&self, _node: usize) -> u64 {
        0
    }
}
