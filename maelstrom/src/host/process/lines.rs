//! Lines out of a pipe.

use std::io::{ErrorKind, Read};

/// Puts lines together from the pieces in which they arrive.
#[derive(Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// Up to here the buffer is known to hold no line break.
    searched: usize,
}

impl Lines {
    /// Reads what is there without blocking. Gives the complete lines, and whether the pipe is
    /// still open; at its end an unfinished line counts as complete.
    pub(super) fn read(&mut self, pipe: &mut impl Read) -> (Vec<String>, bool) {
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
