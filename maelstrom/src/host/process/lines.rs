//! Splits the output of a pipe into lines.

use std::io::{ErrorKind, Read};

/// The number of bytes read from a pipe at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// The buffer for reading from pipes.
pub(super) type Chunk = Box<[u8]>;

/// Returns a buffer for [`Lines::read`].
pub(super) fn chunk() -> Chunk {
    vec![0; CHUNK_BYTES].into_boxed_slice()
}

/// The state of a pipe after a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There may be more to read.
    More,
    /// Nothing can be read now.
    Empty,
    /// The other side closed the pipe.
    Closed,
}

/// Assembles lines from the pieces in which they arrive.
///
/// As in Java's `readLine`, which upstream uses, a line ends with a line feed, a carriage return,
/// or both.
#[derive(Default)]
pub(super) struct Lines {
    /// The bytes after the last line end.
    buffer: Vec<u8>,
    /// The number of bytes at the start of the buffer that are known to hold no line end.
    searched: usize,
    /// Whether the last line ended with a carriage return, to which a line feed may belong.
    after_return: bool,
}

impl Lines {
    /// Reads one chunk without blocking. Returns all complete lines, and the state of the pipe.
    /// When the pipe is closed, an unfinished line counts as complete.
    pub(super) fn read(&mut self, pipe: &mut impl Read, chunk: &mut [u8]) -> (Vec<String>, State) {
        // Read one chunk at a time, so that a node that writes without end does not delay others.
        let state = match pipe.read(chunk) {
            Ok(0) => State::Closed,
            Ok(count) => {
                self.buffer.extend_from_slice(&chunk[..count]);
                State::More
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => State::Empty,
            Err(error) if error.kind() == ErrorKind::Interrupted => State::More,
            Err(_) => State::Closed,
        };
        let mut lines = self.split();
        if state == State::Closed && !self.buffer.is_empty() {
            lines.push(text(&self.buffer));
            self.buffer.clear();
            self.searched = 0;
        }
        (lines, state)
    }

    /// The bytes after the last line end.
    pub(super) fn unfinished(&self) -> String {
        text(&self.buffer)
    }

    /// Ends the unfinished line if it is longer than `max` bytes, and returns it.
    pub(super) fn break_after(&mut self, max: usize) -> Option<String> {
        (self.buffer.len() > max).then(|| {
            self.searched = 0;
            text(&std::mem::take(&mut self.buffer))
        })
    }

    /// Takes all complete lines out of the buffer.
    fn split(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut start = 0;
        while let Some(length) = self.buffer[self.searched..]
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'))
        {
            let end = self.searched + length;
            let is_feed = self.buffer[end] == b'\n';
            // The second half of a line end that began with a carriage return.
            if !(is_feed && self.after_return && end == start) {
                lines.push(text(&self.buffer[start..end]));
            }
            self.after_return = !is_feed;
            start = end + 1;
            self.searched = start;
        }
        if start < self.buffer.len() {
            self.after_return = false;
        }
        self.buffer.drain(..start);
        self.searched = self.buffer.len();
        lines
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns all lines of a stream that arrives in these pieces.
    fn lines(pieces: &[&str]) -> Vec<String> {
        let mut reader = Lines::default();
        let mut chunk = chunk();
        let mut all = Vec::new();
        for piece in pieces {
            all.extend(reader.read(&mut piece.as_bytes(), &mut chunk).0);
        }
        all.extend(reader.read(&mut &b""[..], &mut chunk).0);
        all
    }

    #[test]
    fn line_ends_with_a_line_feed_a_carriage_return_or_both() {
        let expected = ["a", "b", "c", "", "d"];
        assert_eq!(lines(&["a\nb\rc\r\n\nd"]), expected);
        assert_eq!(lines(&["a\nb\rc\r", "\n\nd\r"]), expected);
        assert_eq!(
            lines(&["a", "\n", "b", "\r", "c\r\n", "\n", "d\r\n"]),
            expected
        );
    }

    #[test]
    fn unfinished_line_is_kept_until_it_ends() {
        let mut reader = Lines::default();
        let mut chunk = chunk();
        assert_eq!(
            reader.read(&mut &b"a\nbc"[..], &mut chunk),
            (vec!["a".to_owned()], State::More)
        );
        assert_eq!(reader.unfinished(), "bc");
        assert_eq!(reader.break_after(2), None);
        assert_eq!(reader.break_after(1).as_deref(), Some("bc"));
        assert_eq!(reader.unfinished(), "");
    }
}
