//! A node as a process: messages on stdin and stdout, the log on stderr.
//!
//! A separate thread reads stdin, because tokio's reader cannot be cancelled and would delay the exit.
//! It reads as much as is available, so a burst of requests is handed over in one batch.
//!
//! The thread reads only a little ahead of the node, and reuses the batches that the node has processed.
//! Otherwise the input of a saturated node goes through fresh memory, and page faults cost a twentieth of
//! the throughput of echo.

use std::io::{self, BufRead, BufReader};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context as _;
use rand::rand_core::TryRng;
use rand::rngs::SysRng;
use tokio::sync::mpsc;

use crate::link::{Link, Seams};
use crate::serve::{of_any_type, serve_returning};
use crate::server::Make;
use crate::{Context, IntoNode};

/// The size of the reader's buffer, and of the largest batch apart from longer lines.
const CHUNK_BYTES: usize = 64 * 1024;

/// The number of batches that may await processing before the reader waits. Sixteen gave the same
/// throughput of echo; one would leave the node idle while the reader is woken.
const READ_AHEAD: usize = 4;

/// The longest time that the reader waits for the node to process a batch. A node that is blocked, on
/// its output or a disk, must not block its input for longer: the other side may need to write before
/// it reads.
const MAX_WAIT: Duration = Duration::from_millis(1);

/// Runs a node on stdin and stdout until stdin ends. This is all that the `main` of a node calls.
///
/// `make` is called when `init` arrives, with a context that knows the node's id and peers, so a node
/// is never partly initialized. It returns the node, or a `Result` with one.
///
/// The exit code is 1 if the node calls [`Context::fail`] or stdout cannot be written to, with the
/// reason on stderr; and 0 otherwise.
pub fn run<M: IntoNode>(make: impl FnOnce(&Context) -> M) -> ExitCode {
    match try_run(of_any_type(make)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e:#}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(make: Make<'_>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build_local(Default::default())
        .context("starting the runtime")?;
    let seams = system_seams()?;
    let (returned, spent) = channel();
    // The reader may have ended.
    let give_back = |batch| drop(returned.send(batch));
    runtime.block_on(serve_returning(stdio(spent), seams, make, &give_back))
}

/// Connects a link to stdin and stdout. `spent` receives the batches that the node has processed.
fn stdio(spent: Receiver<Vec<u8>>) -> Link {
    let (lines, inbound) = mpsc::unbounded_channel();
    let mut batches = Batches {
        lines,
        spent,
        waiting: 0,
    };
    std::thread::spawn(move || {
        let input = BufReader::with_capacity(CHUNK_BYTES, io::stdin());
        if let Err(e) = read_lines(input, &mut batches) {
            eprintln!("stdin: {e}");
        }
    });
    Link {
        inbound,
        outbound: Box::new(io::stdout().lock()),
    }
}

/// The batches between the reader and the node.
struct Batches {
    lines: mpsc::UnboundedSender<Vec<u8>>,
    spent: Receiver<Vec<u8>>,
    /// The number of batches that were sent and have not come back.
    waiting: usize,
}

impl Batches {
    /// Sends a batch. Returns an empty one, or `None` if the node has stopped.
    fn exchange(&mut self, batch: Vec<u8>) -> Option<Vec<u8>> {
        self.lines.send(batch).ok()?;
        self.waiting += 1;
        let mut empty = Vec::new();
        loop {
            let spent = match self.waiting < READ_AHEAD {
                true => self.spent.try_recv().ok(),
                false => self.spent.recv_timeout(MAX_WAIT).ok(),
            };
            let Some(spent) = spent else { break };
            self.waiting -= 1;
            empty = spent;
        }
        empty.clear();
        empty.shrink_to(2 * CHUNK_BYTES);
        Some(empty)
    }
}

/// Sends batches of whole lines until the input ends or the node stops. Lines may have any length.
fn read_lines(mut input: impl BufRead, batches: &mut Batches) -> io::Result<()> {
    let mut batch = Vec::new();
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let length = chunk.len();
        if length == 0 {
            // The last line may lack its newline. If the node has stopped, nothing is left to do.
            let _ = batches.lines.send(batch);
            return Ok(());
        }
        let (lines, rest) = match chunk.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => chunk.split_at(newline + 1),
            None => (&[][..], chunk),
        };
        if !lines.is_empty() {
            batch.extend_from_slice(lines);
            match batches.exchange(batch) {
                Some(empty) => batch = empty,
                None => return Ok(()),
            }
        }
        batch.extend_from_slice(rest);
        input.consume(length);
    }
}

/// Returns the system clock, a seed from the operating system, and a log on stderr.
fn system_seams() -> anyhow::Result<Seams> {
    let seed = SysRng
        .try_next_u64()
        .context("a seed from the operating system")?;
    #[allow(
        clippy::disallowed_methods,
        reason = "the only place that reads the real clock"
    )]
    let now = || UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO);
    Ok(Seams {
        wall_clock: Rc::new(now),
        seed,
        log: Rc::new(|line| eprintln!("{line}")),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::Read;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;

    /// A reader that returns its pieces one at a time, with an interruption between them.
    struct Pieces(VecDeque<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(piece) = self.0.front_mut() else {
                return Ok(0);
            };
            if piece.is_empty() {
                self.0.pop_front();
                return Err(io::ErrorKind::Interrupted.into());
            }
            let count = piece.len().min(buffer.len());
            buffer[..count].copy_from_slice(&piece[..count]);
            piece.drain(..count);
            Ok(count)
        }
    }

    proptest! {
        #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

        #[test]
        fn lines_in_arbitrary_pieces_arrive_complete_and_unchanged(
            pieces in vec("[ab\n]{0,12}", 0..12),
            capacity in 1..20_usize,
        ) {
            let whole = pieces.concat();
            let pieces = pieces.into_iter().map(String::into_bytes).collect();
            let (lines, mut sent) = mpsc::unbounded_channel();
            let (returned, spent) = channel();
            // A batch that comes back still has its content.
            returned.send(b"old\n".to_vec()).expect("the receiver exists");
            drop(returned);
            let mut batches = Batches { lines, spent, waiting: 1 };
            let input = BufReader::with_capacity(capacity, Pieces(pieces));
            read_lines(input, &mut batches).expect("an interruption is not an error");
            drop(batches);
            let mut read = Vec::new();
            while let Some(batch) = sent.blocking_recv() {
                let last = sent.is_empty();
                prop_assert!(last || batch.ends_with(b"\n"), "half a line: {batch:?}");
                read.extend(batch);
            }
            prop_assert_eq!(read, whole.into_bytes());
        }
    }
}
