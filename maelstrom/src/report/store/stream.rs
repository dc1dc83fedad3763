//! Files that are written during a run.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

/// The interval at which lines are flushed to the file. A killed program loses later lines.
const FLUSH_INTERVAL: Duration = Duration::from_millis(250);

/// The number of items that are formatted before they are written: enough to make a write cheap.
const ITEMS_PER_WRITE: usize = 256;

/// Writes items to a file, one line each, on its own thread.
///
/// [`push`](Self::push) never waits for the disk, and formats nothing: it costs the run loop a lock
/// that is free and a move. A failed write, on a full disk for example, ends the output but not the
/// run; [`finish`](Self::finish) returns the first error.
#[derive(Debug)]
pub struct LineStream<T> {
    path: PathBuf,
    shared: Arc<Shared<T>>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

#[derive(Debug)]
struct Shared<T> {
    queue: Mutex<Queue<T>>,
    /// Signalled when the queue is closed.
    closed: Condvar,
}

#[derive(Debug)]
struct Queue<T> {
    items: Vec<T>,
    is_closed: bool,
}

impl<T: Send + 'static> LineStream<T> {
    /// Creates the file, and starts the thread that writes to it. `line` appends an item's line, without
    /// the line break.
    ///
    /// # Errors
    ///
    /// The file cannot be created.
    pub fn create(
        path: &Path,
        line: impl Fn(&T, &mut String) + Send + 'static,
    ) -> Result<LineStream<T>> {
        let file = File::create(path).with_context(|| format!("{}", path.display()))?;
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                items: Vec::new(),
                is_closed: false,
            }),
            closed: Condvar::new(),
        });
        let of_thread = Arc::clone(&shared);
        let thread = thread::spawn(move || of_thread.write_all(file, line));
        Ok(LineStream {
            path: path.to_owned(),
            shared,
            thread: Some(thread),
        })
    }

    /// Adds an item.
    pub fn push(&self, item: T) {
        self.shared.lock().items.push(item);
    }

    /// Writes the remaining items, and closes the file.
    ///
    /// # Errors
    ///
    /// An item could not be written; the error names the file.
    pub fn finish(mut self) -> Result<()> {
        self.close()
            .with_context(|| format!("{}", self.path.display()))
    }
}

impl<T> LineStream<T> {
    fn close(&mut self) -> std::io::Result<()> {
        self.shared.lock().is_closed = true;
        self.shared.closed.notify_all();
        match self.thread.take() {
            Some(thread) => thread.join().expect("writing lines does not panic"),
            None => Ok(()),
        }
    }
}

impl<T> Drop for LineStream<T> {
    fn drop(&mut self) {
        // Write the remaining items if `finish` was not called, without reporting errors.
        let _ = self.close();
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().expect("pushing an item does not panic")
    }

    /// Writes items as they arrive, until the queue is closed and empty.
    fn write_all(&self, mut file: File, line: impl Fn(&T, &mut String)) -> std::io::Result<()> {
        let mut text = String::new();
        let mut outcome = Ok(());
        loop {
            let (mut queue, _) = self
                .closed
                .wait_timeout_while(self.lock(), FLUSH_INTERVAL, |queue| !queue.is_closed)
                .expect("pushing an item does not panic");
            let items = std::mem::take(&mut queue.items);
            let is_closed = queue.is_closed;
            drop(queue);
            for items in items.chunks(ITEMS_PER_WRITE) {
                if outcome.is_err() {
                    break;
                }
                text.clear();
                for item in items {
                    line(item, &mut text);
                    text.push('\n');
                }
                outcome = file.write_all(text.as_bytes());
            }
            if is_closed {
                return outcome;
            }
        }
    }
}
