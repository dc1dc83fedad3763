//! One process and its pipes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, Signal};

use super::Command;
use super::lines::Lines;

/// How many of a node's last lines are shown when it crashed.
const LAST_LINES: usize = 32;

/// The environment variable that tells nodes where they may keep files: a directory of this run,
/// made by whoever needs it. A node that is started again finds there what it left, and nothing of
/// an earlier run. (Upstream has no such thing, and kills no nodes either.)
pub(super) const DATA_DIR: &str = "EDDY_DATA_DIR";

/// A running node. It is killed when this is dropped.
pub(super) struct Process {
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

impl Process {
    /// Starts one, its pipes set not to block.
    pub(super) fn spawn(command: &Command, data_dir: &Path) -> Result<Process> {
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

    /// Adds what is to be waited for: room for what the node has not read, and what it writes.
    pub(super) fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        if self.written < self.outgoing.len() {
            fds.push(PollFd::new(&self.stdin, PollFlags::OUT));
        }
        fds.extend(
            self.stdout
                .as_ref()
                .map(|fd| PollFd::new(fd, PollFlags::IN)),
        );
        fds.extend(
            self.stderr
                .as_ref()
                .map(|fd| PollFd::new(fd, PollFlags::IN)),
        );
    }

    /// Whether it has closed its standard output, as one that has ended.
    pub(super) fn said_all(&self) -> bool {
        self.stdout.is_none()
    }

    /// Whether there may be more to read.
    pub(super) fn is_open(&self) -> bool {
        self.stdout.is_some() || self.stderr.is_some()
    }

    /// Its status, once it has ended.
    pub(super) fn try_wait(&mut self) -> std::io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Puts a line into the queue of what the node is to read.
    pub(super) fn write_line(&mut self, line: &str) {
        self.outgoing.extend_from_slice(line.as_bytes());
        self.outgoing.push(b'\n');
    }

    pub(super) fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Writes as much of the queue as the node reads.
    pub(super) fn flush(&mut self) {
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

    /// The complete lines that it wrote.
    pub(super) fn read_stdout(&mut self) -> Vec<String> {
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

    /// Copies what it wrote to standard error into its log.
    pub(super) fn read_stderr(&mut self, name: &str, log: &mut File, echo: bool) {
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

    /// How it ended, and what it said last.
    pub(super) fn last_words(&self, name: &str, status: ExitStatus, log_dir: &Path) -> String {
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
