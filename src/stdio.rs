//! A node as a process: messages on stdin and stdout, the log on stderr.
//!
//! A separate thread reads stdin, because tokio's reader cannot be cancelled and would delay the exit.
//! It reads as much as is available, so a burst of requests is handed over in one batch.

use std::io::{self, BufRead, BufReader};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context as _;
use rand::rand_core::TryRng;
use rand::rngs::SysRng;
use tokio::sync::mpsc;

use crate::link::{Link, Seams};
use crate::{Context, IntoNode, serve};

/// The size of the reader's buffer, and of the largest batch apart from longer lines.
const CHUNK_BYTES: usize = 64 * 1024;

/// Runs a node on stdin and stdout until stdin ends. This is all that the `main` of a node calls.
///
/// `make` is called when `init` arrives, with a context that knows the node's id and peers, so a node
/// is never partly initialized. It returns the node, or a `Result` with one.
///
/// The exit code is 1 if the node calls [`Context::fail`] or stdout cannot be written to, with the
/// reason on stderr; and 0 otherwise.
pub fn run<M: IntoNode>(make: impl FnOnce(&Context) -> M) -> ExitCode {
    match try_run(make) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e:#}");
            ExitCode::FAILURE
        }
    }
}

fn try_run<M: IntoNode>(make: impl FnOnce(&Context) -> M) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build_local(Default::default())
        .context("starting the runtime")?;
    let seams = system_seams()?;
    runtime.block_on(serve(stdio(), seams, make))
}

/// Connects a link to stdin and stdout.
fn stdio() -> Link {
    let (lines, inbound) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        if let Err(e) = read_lines(BufReader::with_capacity(CHUNK_BYTES, io::stdin()), &lines) {
            eprintln!("stdin: {e}");
        }
    });
    Link {
        inbound,
        outbound: Box::new(io::stdout().lock()),
    }
}

/// Sends batches of whole lines until the input ends or the receiver is dropped. Lines may have any
/// length.
fn read_lines(mut input: impl BufRead, lines: &mpsc::UnboundedSender<Vec<u8>>) -> io::Result<()> {
    let mut batch = Vec::new();
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let length = chunk.len();
        let end = match chunk.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => newline + 1,
            None => 0,
        };
        batch.extend_from_slice(&chunk[..end]);
        if end > 0 && lines.send(std::mem::take(&mut batch)).is_err() {
            return Ok(());
        }
        if length == 0 {
            // The last line may lack its newline. If the receiver is gone, nothing is left to do.
            let _ = lines.send(batch);
            return Ok(());
        }
        batch.extend_from_slice(&chunk[end..]);
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
            let (lines, mut batches) = mpsc::unbounded_channel();
            let input = BufReader::with_capacity(capacity, Pieces(pieces));
            read_lines(input, &lines).expect("an interruption is not an error");
            drop(lines);
            let mut read = Vec::new();
            while let Some(batch) = batches.blocking_recv() {
                let last = batches.is_empty();
                prop_assert!(last || batch.ends_with(b"\n"), "half a line: {batch:?}");
                read.extend(batch);
            }
            prop_assert_eq!(read, whole.into_bytes());
        }
    }
}
