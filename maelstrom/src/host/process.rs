//! Nodes as real processes.
//!
//! One thread does everything: pipes do not block, and `ppoll` waits for whichever of them is
//! ready, or for the time of the next event, to a fraction of a millisecond. So a node that does
//! not read its input, or one that was stopped, holds nobody up.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal};

use super::{Event, Host, Interrupted};

/// How many of a node's last lines are shown when it crashed.
const LAST_LINES: usize = 32;

/// Between two looks at whether a process that closed its pipes has ended.
const EXIT_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// After so many events what was written for the nodes is passed on, even if more events wait.
const EVENTS_PER_FLUSH: usize = 256;

/// The environment variable that tells nodes where they may keep files: a directory of this run,
/// made by whoever needs it. A node that is started again finds there what it left, and nothing of
/// an earlier run. (Upstream has no such thing, and kills no nodes either.)
const DATA_DIR: &str = "EDDY_DATA_DIR";

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
    /// Where nodes may keep what survives a kill; see [`DATA_DIR`].
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

struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// What the node has not read yet, and how much of it is already written.
    outgoing: Vec<u8>,
    written: usize,
    out_lines: Lines,
    err_lines: Lines,
    last_out: VecDeque<String>,
    last_err: VecDeque<String>,
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
        let mut fds = Vec::with_capacity(self.nodes.len() * 3);
        for process in self.nodes.iter().filter_map(|node| node.process.as_ref()) {
            if process.written < process.outgoing.len() {
                fds.push(PollFd::new(&process.stdin, PollFlags::OUT));
            }
            fds.extend(
                process
                    .stdout
                    .as_ref()
                    .map(|fd| PollFd::new(fd, PollFlags::IN)),
            );
            fds.extend(
                process
                    .stderr
                    .as_ref()
                    .map(|fd| PollFd::new(fd, PollFlags::IN)),
            );
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
        let closed = |node: &Node| node.process.as_ref().is_some_and(|p| p.stdout.is_none());
        if now < self.next_exit_check && !self.nodes.iter().any(closed) {
            return;
        }
        self.next_exit_check = now + EXIT_CHECK_INTERVAL;
        for (number, node) in self.nodes.iter_mut().enumerate() {
            let Some(process) = &mut node.process else {
                continue;
            };
            if let Ok(Some(status)) = process.child.try_wait() {
                // Its pipes may hold more than one chunk; all of it was written before the end.
                while process.stdout.is_some() || process.stderr.is_some() {
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
            process.outgoing.extend_from_slice(line.as_bytes());
            process.outgoing.push(b'\n');
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

impl Process {
    fn spawn(command: &Command, data_dir: &Path) -> Result<Process> {
        let mut child = std::process::Command::new(&command.program)
            .args(&command.arguments)
            .env(DATA_DIR, data_dir)
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that what the node starts dies with it, and so that a Ctrl-C
            // reaches us and not the nodes.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}", command.program.display()))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            unreachable!("all three streams of the process were asked for as pipes")
        };
        let process = Process {
            child,
            stdin,
            stdout: Some(stdout),
            stderr: Some(stderr),
            outgoing: Vec::new(),
            written: 0,
            out_lines: Lines::default(),
            err_lines: Lines::default(),
            last_out: VecDeque::new(),
            last_err: VecDeque::new(),
        };
        for fd in [
            Some(process.stdin.as_fd()),
            process.stdout.as_ref().map(AsFd::as_fd),
        ]
        .into_iter()
        .chain([process.stderr.as_ref().map(AsFd::as_fd)])
        .flatten()
        {
            rustix::io::ioctl_fionbio(fd, true).context("making a pipe non-blocking")?;
        }
        Ok(process)
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn flush(&mut self) {
        while self.written < self.outgoing.len() {
            match self.stdin.write(&self.outgoing[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // It reads no more; its end will be noticed.
                Err(_) => self.written = self.outgoing.len(),
            }
        }
        if self.written == self.outgoing.len() {
            self.outgoing.clear();
            self.written = 0;
        } else if self.written > 1 << 20 {
            self.outgoing.drain(..self.written);
            self.written = 0;
        }
    }

    fn read_stdout(&mut self) -> Vec<String> {
        let Some(stdout) = &mut self.stdout else {
            return Vec::new();
        };
        let (lines, open) = self.out_lines.read(stdout);
        if !open {
            self.stdout = None;
        }
        remember(&mut self.last_out, &lines);
        lines
    }

    fn read_stderr(&mut self, name: &str, log: &mut File, echo: bool) {
        let Some(stderr) = &mut self.stderr else {
            return;
        };
        let (lines, open) = self.err_lines.read(stderr);
        if !open {
            self.stderr = None;
        }
        remember(&mut self.last_err, &lines);
        if echo {
            lines.iter().for_each(|line| eprintln!("{name}: {line}"));
        }
        let text: String = lines.into_iter().map(|line| line + "\n").collect();
        // A full disk must not end the run; the node's log is a convenience.
        let _ = log.write_all(text.as_bytes());
    }

    fn last_words(&self, name: &str, status: ExitStatus, log_dir: &Path) -> String {
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exited with status {code}"),
            (None, Some(signal)) => format!("was ended by signal {signal}"),
            (None, None) => "ended".to_owned(),
        };
        let mut report = format!("Node {name} {how} before the test was over.");
        for (stream, lines) in [("stdout", &self.last_out), ("stderr", &self.last_err)] {
            if lines.is_empty() {
                report += &format!("\nIt wrote nothing to {stream}.");
            } else {
                report += &format!("\nIts last lines on {stream}:");
                report.extend(lines.iter().map(|line| format!("\n  {line}")));
            }
        }
        report
            + &format!(
                "\nIts log is {}.",
                log_dir.join(format!("{name}.log")).display()
            )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The whole group: a node may be a script that started the real program.
        let _ = rustix::process::kill_process_group(self.group(), Signal::KILL);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn remember(last: &mut VecDeque<String>, lines: &[String]) {
    last.extend(
        lines
            .iter()
            .skip(lines.len().saturating_sub(LAST_LINES))
            .cloned(),
    );
    last.drain(..last.len().saturating_sub(LAST_LINES));
}

/// Puts lines together from the pieces in which they arrive.
#[derive(Default)]
struct Lines {
    buffer: Vec<u8>,
    /// Up to here the buffer is known to hold no line break.
    searched: usize,
}

impl Lines {
    /// Reads what is there without blocking. Gives the complete lines, and whether the pipe is
    /// still open; at its end an unfinished line counts as complete.
    fn read(&mut self, pipe: &mut impl Read) -> (Vec<String>, bool) {
        let mut chunk = [0; 1 << 16];
        let mut lines = Vec::new();
        // One chunk at a time: a node that never stops writing must not keep us from the others.
        let open = match pipe.read(&mut chunk) {
            Ok(0) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&chunk[..count]);
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        };
        let mut start = 0;
        while let Some(length) = self.buffer[self.searched..]
            .iter()
            .position(|&b| b == b'\n')
        {
            let end = self.searched + length;
            lines.push(text(&self.buffer[start..end]));
            start = end + 1;
            self.searched = start;
        }
        self.buffer.drain(..start);
        self.searched = self.buffer.len();
        if !open && !self.buffer.is_empty() {
            lines.push(text(&self.buffer));
            self.buffer.clear();
            self.searched = 0;
        }
        (lines, open)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes)).into_owned()
}
