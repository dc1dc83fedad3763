//! Where a node's messages wait until they are written: one buffer of whole lines.
//!
//! Messages are serialised straight into it, and it is written out once when nothing more is
//! ready. A message is there as a whole or not at all, even if serialising it fails or panics.

use std::cell::{Cell, RefCell, RefMut};
use std::io::{self, Write};
use std::task::{Context, Poll, Waker};

use serde::Serialize;

/// A buffer that grew beyond this for one long line is given back, and a batch of this size is
/// written even if more is ready.
pub(crate) const BATCH_BYTES: usize = 64 * 1024;

#[derive(Default)]
pub(crate) struct Outbox {
    buffer: RefCell<Vec<u8>>,
    writer: RefCell<Option<Waker>>,
    closed: Cell<bool>,
}

/// The field that the runtime adds to a body.
pub(crate) enum Field<'a> {
    None,
    MsgId(u64),
    /// A `msg_id` in JSON, verbatim: whatever a client numbers its requests with, it gets back.
    InReplyTo(&'a str),
}

impl Outbox {
    /// Adds a message. A body of `null` stands for no message; any other body must be an object.
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
        add(line, body_start, &field)?;
        line.extend_from_slice(b"}\n");
        draft.whole = true;
        drop(draft);
        if was_empty && let Some(writer) = self.writer.take() {
            writer.wake();
        }
        Ok(())
    }

    /// Bytes that wait to be written.
    pub(crate) fn len(&self) -> usize {
        self.buffer.borrow().len()
    }

    /// Ready when there is something to write. One task may wait for it.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.len() > 0 {
            return Poll::Ready(());
        }
        let mut writer = self.writer.borrow_mut();
        if !writer
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            *writer = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Writes everything that waits, and flushes.
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

    /// Drops what waits, and all that is added later: the node is gone.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.buffer.borrow_mut().clear();
    }
}

/// Adds a field to the object that starts at `start`, and ends the line so far.
fn add(line: &mut Vec<u8>, start: usize, field: &Field<'_>) -> serde_json::Result<()> {
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

/// A line that is being written, and vanishes unless it is finished.
struct Draft<'a> {
    buffer: RefMut<'a, Vec<u8>>,
    start: usize,
    whole: bool,
}

impl<'a> Draft<'a> {
    fn new(buffer: RefMut<'a, Vec<u8>>) -> Self {
        let start = buffer.len();
        Self {
            buffer,
            start,
            whole: false,
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.whole {
            self.buffer.truncate(self.start);
        }
    }
}
