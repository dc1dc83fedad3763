//! The log of a node: its standard error.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The maximum size of a node's log in bytes: enough for any log that people read, and too little
/// to fill a disk.
const MAX_LOG_BYTES: u64 = 32 << 20;

/// The number of last lines of a stream that are shown when a node fails.
pub(super) const LAST_LINES: usize = 32;

/// The log of one node, over all its incarnations.
pub(super) struct NodeLog {
    path: PathBuf,
    file: File,
    logged: u64,
    dropped: u64,
    last: VecDeque<String>,
}

impl NodeLog {
    /// Creates an empty log.
    ///
    /// # Errors
    ///
    /// The file cannot be created.
    pub(super) fn create(path: PathBuf) -> Result<NodeLog> {
        let file = File::create(&path).with_context(|| format!("{}", path.display()))?;
        Ok(NodeLog {
            path,
            file,
            logged: 0,
            dropped: 0,
            last: VecDeque::new(),
        })
    }

    /// Appends lines until the log is full, and counts the bytes that do not fit.
    pub(super) fn append(&mut self, lines: &[String]) {
        remember(&mut self.last, lines);
        let mut text = String::new();
        for line in lines {
            let length = line.len() as u64 + 1;
            if self.dropped == 0 && self.logged + length <= MAX_LOG_BYTES {
                self.logged += length;
                text += line;
                text.push('\n');
            } else {
                self.dropped += length;
            }
        }
        // A full disk must not end the run, which does not need the log.
        let _ = self.file.write_all(text.as_bytes());
    }

    /// Forgets the last lines of the previous incarnation, whose end was reported.
    pub(super) fn begin_incarnation(&mut self) {
        self.last.clear();
    }

    /// Returns the last lines, oldest first.
    pub(super) fn last(&self) -> &VecDeque<String> {
        &self.last
    }

    /// Returns the number of bytes that did not fit.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns the path of the log.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for NodeLog {
    fn drop(&mut self) {
        if self.dropped > 0 {
            let note = format!(
                "[eddy: {} bytes left out here; the last lines were:]",
                self.dropped
            );
            let _ = writeln!(self.file, "{note}");
            for line in &self.last {
                let _ = writeln!(self.file, "{line}");
            }
        }
    }
}

/// Keeps the last [`LAST_LINES`] lines.
pub(super) fn remember(last: &mut VecDeque<String>, lines: &[String]) {
    let new = &lines[lines.len().saturating_sub(LAST_LINES)..];
    let excess = (last.len() + new.len()).saturating_sub(LAST_LINES);
    last.drain(..excess);
    last.extend(new.iter().cloned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_is_capped_and_states_how_much_was_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("n0.log");
        let mut log = NodeLog::create(path.clone()).unwrap();
        let line = "x".repeat((1 << 20) - 1);
        for _ in 0..33 {
            log.append(std::slice::from_ref(&line));
        }
        log.append(&["the end".to_owned()]);
        assert_eq!(log.dropped(), (1 << 20) + 8);
        assert_eq!(log.last().back().unwrap(), "the end");
        drop(log);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("[eddy: 1048584 bytes left out here"));
        assert!(text.ends_with("the end\n"));
    }
}
