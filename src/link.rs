//! The three inputs of a node: a link to the network, a clock, and a seed for randomness.
//!
//! For a binary these are stdin and stdout, the system clock, and a seed from the operating system. A
//! simulator supplies its own, which makes the same node deterministic. The log, also defined here, is
//! an output only.

use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;

/// A node's connection to its network.
///
/// Both directions carry lines: one JSON object each, in UTF-8, terminated by a newline.
pub struct Link {
    /// Batches of one or more whole lines; the last newline of a batch may be missing. The node
    /// stops when all senders are dropped, which corresponds to the end of stdin.
    pub inbound: mpsc::UnboundedReceiver<Vec<u8>>,
    /// Receives batches of whole lines, each followed by a flush. The node stops without an error when
    /// a write fails with [`BrokenPipe`](io::ErrorKind::BrokenPipe).
    pub outbound: Box<dyn Write>,
}

impl Link {
    /// Creates a link in memory and its other end: a sender of lines to the node, and a receiver of
    /// the node's lines, one at a time and without the newline.
    pub fn in_memory() -> (
        Self,
        mpsc::UnboundedSender<Vec<u8>>,
        mpsc::UnboundedReceiver<String>,
    ) {
        let (to_node, inbound) = mpsc::unbounded_channel();
        let (outbound, from_node) = mpsc::unbounded_channel();
        (
            Self {
                inbound,
                outbound: Box::new(Lines(outbound)),
            },
            to_node,
            from_node,
        )
    }
}

/// A writer that splits batches into lines and sends each of them to a channel.
struct Lines(mpsc::UnboundedSender<String>);

impl Write for Lines {
    fn write(&mut self, batch: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(batch).map_err(io::Error::other)?;
        for line in text.lines() {
            self.0
                .send(line.to_owned())
                .map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        Ok(batch.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The inputs of a node beside its link (clock and seed), and its log.
#[derive(Clone)]
pub struct Seams {
    /// Returns the time since the Unix epoch according to this node's wall clock. It may be wrong and
    /// may step back.
    pub wall_clock: Rc<dyn Fn() -> Duration>,
    /// The seed of this node's random numbers and of its call ids.
    ///
    /// A restarted node needs another seed, as it would get from the operating system. Nodes with the
    /// same seed and different ids draw different numbers.
    pub seed: u64,
    /// Receives log lines.
    pub log: Rc<dyn Fn(&str)>,
}

impl Seams {
    /// Creates the inputs of a simulated node: a wall clock that shows the Unix epoch now and then
    /// follows tokio's clock, and a log on stderr.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn simulated(seed: u64) -> Self {
        let start = tokio::time::Instant::now();
        Self {
            wall_clock: Rc::new(move || start.elapsed()),
            seed,
            log: Rc::new(|line| eprintln!("{line}")),
        }
    }
}
