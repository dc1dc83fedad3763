//! Nodes as real processes.
//!
//! One thread serves all nodes: pipes do not block, and `poll` waits until one of them is ready or
//! the next event is due, with a resolution of less than a millisecond. So a node that does not
//! read its input, or that is stopped, delays no other node.

mod child;
mod command;
mod guard;
mod lines;
mod log;
mod signals;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Resource, Signal};

use super::{Event, Host, Interrupted, RecentOutput, safe_file_name};
use child::{Pipe, Place, Process};
use guard::Guard;
use lines::{Chunk, State};
use log::NodeLog;
use signals::Interrupts;

pub use command::Command;

/// The interval of the checks for processes that have ended.
const EXIT_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The number of events after which lines for the nodes are flushed, even if more events wait.
const EVENTS_PER_FLUSH: usize = 256;

/// The longest wait for killed processes when the host ends.
const REAP_TIMEOUT: Duration = Duration::from_secs(5);

/// The number of files that a node needs open: three pipes, its log, and some spare for its start.
const FILES_PER_NODE: u64 = 6;

/// The number of files that this process needs open besides those of nodes.
const OTHER_FILES: u64 = 128;

/// Runs one process for each node.
pub struct ProcessHost {
    command: Command,
    /// The working directory of all nodes.
    directory: PathBuf,
    origin: Instant,
    nodes: Vec<Node>,
    /// Killed processes that have not ended yet: a process may be in the kernel for a while.
    dying: Vec<Process>,
    events: VecDeque<Event>,
    events_since_flush: usize,
    next_exit_check: Instant,
    chunk: Chunk,
    interrupts: Interrupts,
    guard: Option<Guard>,
    echo_stderr: bool,
}

struct Node {
    name: String,
    log: NodeLog,
    data: PathBuf,
    process: Option<Process>,
}

impl ProcessHost {
    /// Creates a host for the nodes called `names`. Standard error of a node goes to
    /// `<log_dir>/<node>.log`, and its data directory is `<log_dir>/../node-data/<node>`; see
    /// [`safe_file_name`].
    ///
    /// # Errors
    ///
    /// The files cannot be created, or signal handlers cannot be set.
    #[expect(clippy::disallowed_methods, reason = "real processes run in real time")]
    pub fn new(command: Command, names: &[String], log_dir: &Path) -> Result<ProcessHost> {
        let shown = |path: &Path| path.display().to_string();
        std::fs::create_dir_all(log_dir).with_context(|| shown(log_dir))?;
        let data_dir = std::path::absolute(log_dir.with_file_name("node-data"))?;
        let node = |name: &String| -> Result<Node> {
            let file_name = safe_file_name(name);
            let data = data_dir.join(&file_name);
            std::fs::create_dir_all(&data).with_context(|| shown(&data))?;
            Ok(Node {
                name: name.clone(),
                log: NodeLog::create(log_dir.join(file_name + ".log"))?,
                data,
                process: None,
            })
        };
        raise_file_limit(names.len());
        Ok(ProcessHost {
            command,
            directory: working_directory(),
            origin: Instant::now(),
            nodes: names.iter().map(node).collect::<Result<_>>()?,
            dying: Vec::new(),
            events: VecDeque::new(),
            events_since_flush: 0,
            next_exit_check: Instant::now(),
            chunk: lines::chunk(),
            interrupts: Interrupts::watch()?,
            guard: Guard::start(),
            echo_stderr: false,
        })
    }

    /// Sets whether standard error of the nodes is copied to that of this process.
    pub fn echo_stderr(mut self, echo_stderr: bool) -> ProcessHost {
        self.echo_stderr = echo_stderr;
        self
    }

    fn signal(&mut self, node: usize, signal: Signal) -> Result<()> {
        let Node { name, process, .. } = &self.nodes[node];
        let process = process
            .as_ref()
            .with_context(|| format!("{name} is not running"))?;
        rustix::process::kill_process_group(process.group(), signal)
            .with_context(|| format!("signalling {name}"))
    }

    /// Writes the lines for all nodes to their pipes, as far as there is room.
    fn flush(&mut self) {
        self.events_since_flush = 0;
        let processes = self
            .nodes
            .iter_mut()
            .filter_map(|node| node.process.as_mut());
        processes.for_each(Process::flush);
    }

    /// Waits for pipes until `until`, and reads those that are ready.
    fn poll(&mut self, until: Option<Duration>) -> Result<()> {
        // Wake up often enough to notice a process that ended but left its pipes open.
        let exit_check = self.now() + EXIT_CHECK_INTERVAL * 10;
        let timeout = until.map_or(exit_check, |until| until.min(exit_check));
        let timeout = timeout.saturating_sub(self.now());
        let timeout = Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        let mut pipes = Vec::with_capacity(self.nodes.len() * 2);
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(self.nodes.len() * 2);
        for (number, node) in self.nodes.iter().enumerate() {
            if let Some(process) = &node.process {
                process.watch(|pipe, fd| {
                    pipes.push((number, pipe));
                    fds.push(fd);
                });
            }
        }
        match rustix::event::poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("waiting for the nodes' pipes"),
        }
        let is_ready: Vec<bool> = fds
            .iter()
            .map(|fd| fd.revents() != PollFlags::empty())
            .collect();
        for ((node, pipe), is_ready) in pipes.into_iter().zip(is_ready) {
            if is_ready {
                self.read(node, pipe);
            }
        }
        if self.interrupts.arrived() {
            return Err(Interrupted.into());
        }
        Ok(())
    }

    /// Reads one chunk from a pipe. Returns whether there may be more.
    fn read(&mut self, number: usize, pipe: Pipe) -> State {
        let Node {
            name, log, process, ..
        } = &mut self.nodes[number];
        let Some(process) = process else {
            return State::Closed;
        };
        match pipe {
            // The node's input is flushed with every wait.
            Pipe::Stdin => State::Empty,
            Pipe::Stdout => {
                let (lines, state) = process.read_stdout(&mut self.chunk);
                let event = |line| Event::Line { node: number, line };
                self.events.extend(lines.into_iter().map(event));
                state
            }
            Pipe::Stderr => {
                let (lines, state) = process.read_stderr(log, &mut self.chunk);
                if self.echo_stderr {
                    lines.iter().for_each(|line| eprintln!("{name}: {line}"));
                }
                state
            }
        }
    }

    /// Notices processes that ended by themselves, and forgets those that were killed.
    #[expect(clippy::disallowed_methods, reason = "real processes run in real time")]
    fn check_exits(&mut self) {
        let now = Instant::now();
        let closed = |node: &Node| node.process.as_ref().is_some_and(Process::stdout_closed);
        if now < self.next_exit_check && !self.nodes.iter().any(closed) {
            return;
        }
        self.next_exit_check = now + EXIT_CHECK_INTERVAL;
        self.reap();
        for number in 0..self.nodes.len() {
            let Some(process) = &mut self.nodes[number].process else {
                continue;
            };
            if let Ok(Some(status)) = process.try_wait() {
                // The pipes still hold its last output.
                for pipe in [Pipe::Stdout, Pipe::Stderr] {
                    while self.read(number, pipe) == State::More {}
                }
                self.report_exit(number, status);
            }
        }
    }

    fn report_exit(&mut self, number: usize, status: std::process::ExitStatus) {
        let node = &mut self.nodes[number];
        let Some(process) = node.process.take() else {
            return;
        };
        let report = process.exit_report(&node.name, status, &node.log);
        if let Some(guard) = &mut self.guard {
            guard.remove(process.group());
        }
        self.events.push_back(Event::Exited {
            node: number,
            report,
        });
    }

    /// Forgets killed processes that have ended.
    fn reap(&mut self) {
        let guard = &mut self.guard;
        self.dying.retain_mut(|process| {
            let is_dying = matches!(process.try_wait(), Ok(None));
            if !is_dying && let Some(guard) = guard {
                guard.remove(process.group());
            }
            is_dying
        });
    }
}

impl Host for ProcessHost {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn start(&mut self, node: usize) -> Result<()> {
        let node = &mut self.nodes[node];
        assert!(node.process.is_none(), "{} runs already", node.name);
        node.log.begin_incarnation();
        let place = Place {
            directory: &self.directory,
            data: &node.data,
        };
        let process = Process::spawn(&self.command, &place)?;
        if let Some(guard) = &mut self.guard {
            guard.add(process.group());
        }
        node.process = Some(process);
        Ok(())
    }

    fn deliver(&mut self, node: usize, line: Vec<u8>) {
        // A node that has ended receives nothing more, as upstream.
        if let Some(process) = &mut self.nodes[node].process {
            process.write_line(&line);
        }
    }

    fn wait(&mut self, until: Option<Duration>) -> Result<Event> {
        loop {
            if self.events.is_empty() || self.events_since_flush >= EVENTS_PER_FLUSH {
                self.flush();
            }
            if let Some(event) = self.events.pop_front() {
                self.events_since_flush += 1;
                return Ok(event);
            }
            self.check_exits();
            if self.events.is_empty() {
                if until.is_some_and(|until| until <= self.now()) {
                    // Read even in a run that is always late.
                    self.poll(Some(Duration::ZERO))?;
                    return Ok(self.events.pop_front().unwrap_or(Event::TimeReached));
                }
                self.poll(until)?;
            }
        }
    }

    fn kill(&mut self, node: usize) -> Result<()> {
        let node = &mut self.nodes[node];
        let process = node.process.take();
        let mut process = process.with_context(|| format!("{} is not running", node.name))?;
        process.kill();
        // Read its log to the end. Standard output that was not read is lost, like messages in the
        // buffers of a machine that loses power.
        process.drain_stderr(&mut node.log, &mut self.chunk);
        self.dying.push(process);
        Ok(())
    }

    fn pause(&mut self, node: usize) -> Result<()> {
        self.signal(node, Signal::STOP)
    }

    fn resume(&mut self, node: usize) -> Result<()> {
        self.signal(node, Signal::CONT)
    }

    fn recent_output(&self, node: usize) -> RecentOutput {
        let Node { log, process, .. } = &self.nodes[node];
        let process = process.as_ref();
        let stdout = process.map(|process| process.last_stdout().iter().cloned().collect());
        RecentOutput {
            stdout: stdout.unwrap_or_default(),
            unfinished: process.map_or_else(String::new, Process::unfinished_stdout),
            stderr: log.last().iter().cloned().collect(),
        }
    }

    fn unlogged_bytes(&self, node: usize) -> u64 {
        self.nodes[node].log.dropped()
    }
}

impl Drop for ProcessHost {
    #[expect(clippy::disallowed_methods, reason = "real processes run in real time")]
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if let Some(mut process) = node.process.take() {
                process.kill();
                process.drain_stderr(&mut node.log, &mut self.chunk);
                self.dying.push(process);
            }
        }
        let deadline = Instant::now() + REAP_TIMEOUT;
        self.reap();
        while !self.dying.is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
            self.reap();
        }
    }
}

/// Returns the directory in which nodes run: as upstream the one for temporary files, or the root
/// if there is none.
fn working_directory() -> PathBuf {
    let candidates = [std::env::temp_dir(), PathBuf::from("/tmp")];
    let found = candidates.into_iter().find(|path| path.is_dir());
    found.unwrap_or_else(|| PathBuf::from("/"))
}

/// Raises the limit of open files to what this many nodes need, as far as the system allows.
fn raise_file_limit(nodes: usize) {
    let needed = nodes as u64 * FILES_PER_NODE + OTHER_FILES;
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        limit.current = Some(limit.maximum.map_or(needed, |maximum| maximum.min(needed)));
        // If this fails, the start of the first node without a free file reports it.
        let _ = rustix::process::setrlimit(Resource::Nofile, limit);
    }
}
