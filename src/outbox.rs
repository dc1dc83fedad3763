//! The output buffer of a node.
//!
//! Messages are serialized directly into one buffer of lines, which is written when no more work is
//! ready. A message is added completely or not at all, even if serializing it fails or panics.

use std::cell::{Cell, RefCell, RefMut};
use std::io::{self, Write};
use std::task::{Context, Poll};

use serde::Serialize;

use crate::waiter::Waiter;

/// The size at which a batch is written even if more messages are ready. Twice this much memory stays
/// allocated between batches; what a long line needed beyond that is released.
pub(crate) const BATCH_BYTES: usize = 64 * 1024;

/// Messages that are not yet written.
#[derive(Default)]
pub(crate) struct Outbox {
    buffer: RefCell<Vec<u8>>,
    writer: Waiter,
    closed: Cell<bool>,
}

/// The header field that the runtime adds to a body.
pub(crate) enum Field<'a> {
    None,
    MsgId(u64),
    /// The `msg_id` of the request as raw JSON, so that a client gets back exactly what it sent.
    InReplyTo(&'a str),
}

impl Outbox {
    /// Adds a message. A body that serializes to `null` adds nothing.
    ///
    /// # Errors
    ///
    /// The body cannot be serialized, or is not an object.
    pub(crate) fn push<B: Serialize + ?Sized>(
        &self,
        src: &str,
        dest: &str,
        body: &B,
        field: Field<'_>,
    ) -> serde_json::Result<()> {
        if self.closed.get() {
            return Ok(());
        }
        let was_empty = self.buffer.borrow().is_empty();
        let mut draft = Draft::new(self.buffer.borrow_mut());
        let line = &mut *draft.buffer;
        line.extend_from_slice(br#"{"src":"#);
        serde_json::to_writer(&mut *line, src)?;
        line.extend_from_slice(br#","dest":"#);
        serde_json::to_writer(&mut *line, dest)?;
        line.extend_from_slice(br#","body":"#);
        let body_start = line.len();
        serde_json::to_writer(&mut *line, body)?;
        match &line[body_start..] {
            b"null" => return Ok(()),
            [b'{', .., b'}'] => {}
            _ => {
                return Err(serde::ser::Error::custom(
                    "a message body must be an object",
                ));
            }
        }
        add_field(line, body_start, &field)?;
        line.extend_from_slice(b"}\n");
        draft.complete = true;
        drop(draft);
        if was_empty {
            self.writer.wake();
        }
        Ok(())
    }

    /// Returns the number of bytes that are not yet written.
    pub(crate) fn len(&self) -> usize {
        self.buffer.borrow().len()
    }

    /// Is ready when there is something to write. Only one task may wait.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.len() > 0 {
            return Poll::Ready(());
        }
        self.writer.register(cx);
        Poll::Pending
    }

    /// Forgets the writer, so that the next message does not wake it. It runs at present, and polls again
    /// before it waits.
    pub(crate) fn forget_writer(&self) {
        self.writer.clear();
    }

    /// Writes and flushes all messages.
    pub(crate) fn write_to(&self, link: &mut dyn Write) -> io::Result<()> {
        let mut buffer = self.buffer.borrow_mut();
        if buffer.is_empty() {
            return Ok(());
        }
        link.write_all(&buffer)?;
        link.flush()?;
        buffer.clear();
        buffer.shrink_to(2 * BATCH_BYTES);
        Ok(())
    }

    /// Drops all messages that are added from now on, and keeps those that are already there.
    pub(crate) fn seal(&self) {
        self.closed.set(true);
    }

    /// Drops all messages, including those that are added later.
    pub(crate) fn close(&self) {
        self.seal();
        self.buffer.borrow_mut().clear();
    }
}

/// Adds a field to the JSON object that reaches from `start` to the end of the line.
fn add_field(line: &mut Vec<u8>, start: usize, field: &Field<'_>) -> serde_json::Result<()> {
    if matches!(field, Field::None) {
        return Ok(());
    }
    line.pop();
    if line.len() > start + 1 {
        line.push(b',');
    }
    match field {
        Field::None => {}
        Field::MsgId(id) => {
            line.extend_from_slice(br#""msg_id":"#);
            serde_json::to_writer(&mut *line, id)?;
        }
        Field::InReplyTo(id) => {
            line.extend_from_slice(br#""in_reply_to":"#);
            line.extend_from_slice(id.as_bytes());
        }
    }
    line.push(b'}');
    Ok(())
}

/// A line under construction; dropping it removes the line unless it is complete.
struct Draft<'a> {
    buffer: RefMut<'a, Vec<u8>>,
    start: usize,
    complete: bool,
}

impl<'a> Draft<'a> {
    fn new(buffer: RefMut<'a, Vec<u8>>) -> Self {
        let start = buffer.len();
        Self {
            buffer,
            start,
            complete: false,
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.complete {
            self.buffer.truncate(self.start);
        }
    }
}
