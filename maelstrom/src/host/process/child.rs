//! One node process and its pipes.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, Signal};

use super::command::{Command, SHELL};
use super::lines::{Lines, State};
use super::log::{NodeLog, remember};

/// The environment variable with the path of a node's own data directory, which exists and is empty
/// when the run begins. A restarted node finds there the files of its previous incarnation.
/// (Upstream has no data directories, and kills no nodes.)
const DATA_DIR: &str = "EDDY_DATA_DIR";

/// The longest line of standard error that is kept in one piece, in bytes.
const MAX_STDERR_LINE: usize = 1 << 20;

/// The maximum number of chunks that are read from the standard error of a killed node.
const MAX_FINAL_CHUNKS: usize = 64;

/// The directories of a process.
pub(super) struct Place<'a> {
    /// The working directory.
    pub(super) directory: &'a Path,
    /// The node's data directory.
    pub(super) data: &'a Path,
}

/// A pipe of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pipe {
    Stdin,
    Stdout,
    Stderr,
}

/// A node process. It is killed when this is dropped.
pub(super) struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// The lines for the node, of which it has read the first `written` bytes.
    outgoing: Vec<u8>,
    written: usize,
    out_lines: Lines,
    err_lines: Lines,
    last_out: VecDeque<String>,
    /// Whether a shell runs the program, which has no `#!` line.
    in_shell: bool,
}

impl Process {
    /// Starts a process with pipes that do not block.
    ///
    /// # Errors
    ///
    /// The program cannot be run.
    pub(super) fn spawn(command: &Command, place: &Place<'_>) -> Result<Process> {
        let start = |program: &Path, first: Option<&Path>| {
            std::process::Command::new(program)
                .args(first)
                .args(&command.arguments)
                .env(DATA_DIR, place.data)
                .current_dir(place.directory)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                // The node gets its own process group, so that its child processes die with it, and
                // so that a Ctrl-C reaches this process and not the nodes.
                .process_group(0)
                .spawn()
        };
        let program = command.program.as_path();
        let (child, in_shell) = match start(program, None) {
            Err(error)
                if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error())
                    && command.lacks_shebang() =>
            {
                (start(Path::new(SHELL), Some(program)), true)
            }
            started => (started, false),
        };
        let mut child = child.map_err(|error| command.explain(error))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            unreachable!("all three streams of the process are pipes")
        };
        for pipe in [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()] {
            rustix::io::ioctl_fionbio(pipe, true).context("making a pipe non-blocking")?;
        }
        Ok(Process {
            child,
            stdin,
            stdout: Some(stdout),
            stderr: Some(stderr),
            outgoing: Vec::new(),
            written: 0,
            out_lines: Lines::default(),
            err_lines: Lines::default(),
            last_out: VecDeque::new(),
            in_shell,
        })
    }

    /// Adds the pipes to wait for: standard input while the node has not read everything, and its
    /// open outputs.
    pub(super) fn watch<'a>(&'a self, mut add: impl FnMut(Pipe, PollFd<'a>)) {
        if self.written < self.outgoing.len() {
            add(Pipe::Stdin, PollFd::new(&self.stdin, PollFlags::OUT));
        }
        if let Some(stdout) = &self.stdout {
            add(Pipe::Stdout, PollFd::new(stdout, PollFlags::IN));
        }
        if let Some(stderr) = &self.stderr {
            add(Pipe::Stderr, PollFd::new(stderr, PollFlags::IN));
        }
    }

    /// Returns whether the process closed its standard output, as one that has ended does.
    pub(super) fn stdout_closed(&self) -> bool {
        self.stdout.is_none()
    }

    /// Returns the exit status once the process has ended.
    pub(super) fn try_wait(&mut self) -> std::io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Returns the process group, whose id is that of the process.
    pub(super) fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends SIGKILL to the process and its child processes, and does not wait for their end.
    pub(super) fn kill(&mut self) {
        // Kill the whole group: a node may be a script that started the real program.
        let _ = rustix::process::kill_process_group(self.group(), Signal::KILL);
        let _ = self.child.kill();
    }

    /// Appends a line to the node's input.
    pub(super) fn write_line(&mut self, line: &[u8]) {
        self.outgoing.extend_from_slice(line);
        self.outgoing.push(b'\n');
    }

    /// Writes as much of the node's input as its pipe has room for.
    pub(super) fn flush(&mut self) {
        while self.written < self.outgoing.len() {
            match self.stdin.write(&self.outgoing[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // The process reads no more, and its exit will be noticed.
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

    /// Returns the complete lines of one chunk of standard output, and whether there may be more.
    pub(super) fn read_stdout(&mut self, chunk: &mut [u8]) -> (Vec<String>, State) {
        let Some(stdout) = &mut self.stdout else {
            return (Vec::new(), State::Closed);
        };
        let (lines, state) = self.out_lines.read(stdout, chunk);
        if state == State::Closed {
            self.stdout = None;
        }
        remember(&mut self.last_out, &lines);
        (lines, state)
    }

    /// Copies one chunk of standard error into the log. Returns the complete lines, and whether
    /// there may be more.
    pub(super) fn read_stderr(
        &mut self,
        log: &mut NodeLog,
        chunk: &mut [u8],
    ) -> (Vec<String>, State) {
        let Some(stderr) = &mut self.stderr else {
            return (Vec::new(), State::Closed);
        };
        let (mut lines, state) = self.err_lines.read(stderr, chunk);
        lines.extend(self.err_lines.break_after(MAX_STDERR_LINE));
        if state == State::Closed {
            self.stderr = None;
        }
        log.append(&lines);
        (lines, state)
    }

    /// Copies the rest of standard error into the log, up to [`MAX_FINAL_CHUNKS`]. A killed process
    /// may have written more that was not read yet.
    pub(super) fn drain_stderr(&mut self, log: &mut NodeLog, chunk: &mut [u8]) {
        for _ in 0..MAX_FINAL_CHUNKS {
            if self.read_stderr(log, chunk).1 != State::More {
                break;
            }
        }
    }

    /// Returns the last lines of standard output, oldest first.
    pub(super) fn last_stdout(&self) -> &VecDeque<String> {
        &self.last_out
    }

    /// Returns the standard output after the last line end.
    pub(super) fn unfinished_stdout(&self) -> String {
        self.out_lines.unfinished()
    }

    /// Describes how the process ended, and its last output.
    pub(super) fn exit_report(&self, name: &str, status: ExitStatus, log: &NodeLog) -> String {
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exited with status {code}"),
            (None, Some(signal)) => format!("was ended by signal {signal}"),
            (None, None) => "ended".to_owned(),
        };
        let mut report = format!("Node {name} {how} before the test was over.");
        if self.in_shell {
            report += "\nIts program has no #! line, so /bin/sh ran it: if it is written in another \
                       language, begin it with a line such as #!/usr/bin/env python3.";
        }
        for (stream, lines) in [("stdout", &self.last_out), ("stderr", log.last())] {
            if lines.is_empty() {
                report += &format!("\nIt wrote nothing to {stream}.");
            } else {
                report += &format!("\nIts last lines on {stream}:");
                report.extend(lines.iter().map(|line| format!("\n  {line}")));
            }
        }
        report + &format!("\nIts log is {}.", log.path().display())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
