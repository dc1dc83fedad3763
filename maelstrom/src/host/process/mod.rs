//! Nodes as real processes.
//!
//! One thread does everything: pipes do not block, and `ppoll` waits for whichever of them is
//! ready, or for the time of the next event, to a fraction of a millisecond. So a node that does
//! not read its input, or one that was stopped, holds nobody up.

mod child;
mod lines;

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, Timespec};
use rustix::process::Signal;

use super::{Event, Host, Interrupted};
use child::Process;

/// Between two looks at whether a process that closed its pipes has ended.
const EXIT_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// After so many events what was written for the nodes is passed on, even if more events wait.
const EVENTS_PER_FLUSH: usize = 256;

/// What to run as a node.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl Command {
    /// The command that runs `program`, a path relative to the working directory.
    ///
    /// # Errors
    ///
    /// There is no such file, or it cannot be executed.
    pub fn new(program: &Path, arguments: Vec<String>) -> Result<Command> {
        let shown = program.display();
        let program = program.canonicalize().with_context(|| {
            format!("cannot run {shown}: expected the path of a program (--bin)")
        })?;
        if program.is_dir() {
            bail!("cannot run {shown}: it is a directory, expected a program (--bin)");
        }
        if rustix::fs::access(&program, rustix::fs::Access::EXEC_OK).is_err() {
            bail!("cannot run {shown}: it is not executable (try: chmod +x {shown})");
        }
        Ok(Command { program, arguments })
    }
}

/// Runs a process for each node.
pub struct ProcessHost {
    command: Command,
    log_dir: PathBuf,
    /// Where nodes may keep what survives a kill; see [`child::DATA_DIR`].
    data_dir: PathBuf,
    origin: Instant,
    nodes: Vec<Node>,
    events: VecDeque<Event>,
    events_since_flush: usize,
    next_exit_check: Instant,
    interrupted: Arc<AtomicBool>,
    echo_stderr: bool,
}

struct Node {
    name: String,
    log: File,
    process: Option<Process>,
}

impl ProcessHost {
    /// A host for these nodes, whose standard error goes to `<log_dir>/<node>.log`.
    ///
    /// # Errors
    ///
    /// The logs cannot be written, or signal handlers cannot be set.
    #[expect(clippy::disallowed_methods, reason = "real processes run in real time")]
    pub fn new(command: Command, names: &[String], log_dir: &Path) -> Result<ProcessHost> {
        std::fs::create_dir_all(log_dir).with_context(|| format!("{}", log_dir.display()))?;
        let open_log = |name: &String| -> Result<Node> {
            let path = log_dir.join(format!("{name}.log"));
            let log = File::create(&path).with_context(|| format!("{}", path.display()))?;
            Ok(Node {
                name: name.clone(),
                log,
                process: None,
            })
        };
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, interrupted.clone())?;
        }
        Ok(ProcessHost {
            command,
            log_dir: log_dir.to_owned(),
            data_dir: std::path::absolute(log_dir.with_file_name("node-data"))?,
            origin: Instant::now(),
            nodes: names.iter().map(open_log).collect::<Result<_>>()?,
            events: VecDeque::new(),
            events_since_flush: 0,
            next_exit_check: Instant::now(),
            interrupted,
            echo_stderr: false,
        })
    }

    /// Shows what nodes write to standard error.
    pub fn echo_stderr(self, echo_stderr: bool) -> ProcessHost {
        ProcessHost {
            echo_stderr,
            ..self
        }
    }

    fn process(&mut self, node: usize) -> Option<&mut Process> {
        self.nodes[node].process.as_mut()
    }

    fn signal(&mut self, node: usize, signal: Signal) -> Result<()> {
        let name = self.nodes[node].name.clone();
        let process = self
            .process(node)
            .with_context(|| format!("{name} is not running"))?;
        rustix::process::kill_process_group(process.group(), signal)
            .with_context(|| format!("signalling {name}"))
    }

    /// Passes on what was written for the nodes, as far as they read it.
    fn flush(&mut self) {
        self.events_since_flush = 0;
        for process in self
            .nodes
            .iter_mut()
            .filter_map(|node| node.process.as_mut())
        {
            process.flush();
        }
    }

    /// Waits for pipes until `until`, and reads what is there.
    fn poll(&mut self, until: Option<Duration>) -> Result<()> {
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(self.nodes.len() * 3);
        for process in self.nodes.iter().filter_map(|node| node.process.as_ref()) {
            process.watch(&mut fds);
        }
        // Woken often enough to notice a process that ended but left its pipes open.
        let exit_check = self.now() + EXIT_CHECK_INTERVAL * 10;
        let timeout = until.map_or(exit_check, |until| until.min(exit_check));
        let timeout = timeout.saturating_sub(self.now());
        let timeout = Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        match rustix::event::poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => self.read_all(),
            Err(error) => return Err(error).context("waiting for the nodes' pipes"),
        }
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Interrupted.into());
        }
        Ok(())
    }

    fn read_all(&mut self) {
        for (number, node) in self.nodes.iter_mut().enumerate() {
            let Some(process) = &mut node.process else {
                continue;
            };
            process.read_stderr(&node.name, &mut node.log, self.echo_stderr);
            for line in process.read_stdout() {
                self.events.push_back(Event::Line { node: number, line });
            }
        }
    }

    /// Notes processes that ended by themselves.
    #[expect(clippy::disallowed_methods, reason = "real processes run in real time")]
    fn check_exits(&mut self) {
        let now = Instant::now();
        let closed = |node: &Node| node.process.as_ref().is_some_and(Process::said_all);
        if now < self.next_exit_check && !self.nodes.iter().any(closed) {
            return;
        }
        self.next_exit_check = now + EXIT_CHECK_INTERVAL;
        for (number, node) in self.nodes.iter_mut().enumerate() {
            let Some(process) = &mut node.process else {
                continue;
            };
            if let Ok(Some(status)) = process.try_wait() {
                // Its pipes may hold more than one chunk; all of it was written before the end.
                while process.is_open() {
                    process.read_stderr(&node.name, &mut node.log, self.echo_stderr);
                    let lines = process.read_stdout();
                    if lines.is_empty() {
                        break;
                    }
                    let event = |line| Event::Line { node: number, line };
                    self.events.extend(lines.into_iter().map(event));
                }
                let report = process.last_words(&node.name, status, &self.log_dir);
                node.process = None;
                self.events.push_back(Event::Exited {
                    node: number,
                    report,
                });
            }
        }
    }
}

impl Host for ProcessHost {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn start(&mut self, node: usize) -> Result<()> {
        let node = &mut self.nodes[node];
        assert!(node.process.is_none(), "{} runs already", node.name);
        node.process = Some(Process::spawn(&self.command, &self.data_dir)?);
        Ok(())
    }

    fn deliver(&mut self, node: usize, line: &str) {
        // A node that has ended takes no more messages, as upstream.
        if let Some(process) = self.process(node) {
            process.write_line(line);
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
                    // What came in meanwhile is not to starve.
                    self.poll(Some(Duration::ZERO))?;
                    return Ok(self.events.pop_front().unwrap_or(Event::TimeReached));
                }
                self.poll(until)?;
            }
        }
    }

    fn kill(&mut self, node: usize) -> Result<()> {
        // Dropping the process kills it.
        let name = &self.nodes[node].name;
        anyhow::ensure!(self.nodes[node].process.is_some(), "{name} is not running");
        self.nodes[node].process = None;
        // What it wrote before it died may still arrive, as over a real network.
        Ok(())
    }

    fn pause(&mut self, node: usize) -> Result<()> {
        self.signal(node, Signal::STOP)
    }

    fn resume(&mut self, node: usize) -> Result<()> {
        self.signal(node, Signal::CONT)
    }
}
