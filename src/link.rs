//! The three places where a node touches the world: a link, a clock, and randomness.
//!
//! As a binary they are stdin and stdout, the machine's clock, and a seed from the operating
//! system. A simulator brings its own, and the same node becomes deterministic. (The fourth thing
//! here, the log, tells the world something and learns nothing from it.)

use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;

/// A node's connection to its network.
///
/// Both directions carry lines: a JSON object each, in UTF-8, ended by a newline.
pub struct Link {
    /// Batches of one or more whole lines; the last newline of a batch may be missing. The node
    /// stops when every sender is gone, as it does at the end of stdin.
    pub inbound: mpsc::UnboundedReceiver<Vec<u8>>,
    /// Takes whole lines, as many as were ready, and is flushed after each batch. The node stops
    /// quietly when it says [`BrokenPipe`](io::ErrorKind::BrokenPipe).
    pub outbound: Box<dyn Write>,
}

impl Link {
    /// A link in memory, and its other end: a sender of lines to the node, and a receiver that
    /// yields each line of the node by itself, without its newline.
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

/// Hands over line by line what is written in whole lines.
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

/// Everything else that a node gets from outside.
#[derive(Clone)]
pub struct Seams {
    /// Time since the Unix epoch, as this node's wall clock shows it. It may be wrong, and step
    /// back.
    pub wall_clock: Rc<dyn Fn() -> Duration>,
    /// Where this node's randomness starts. A node that is restarted needs another seed, as it
    /// would get one from the operating system; nodes with the same seed and different ids draw
    /// different numbers. The numbers of a node's calls begin with its seed, too.
    pub seed: u64,
    /// Takes one line that is meant for people.
    pub log: Rc<dyn Fn(&str)>,
}

impl Seams {
    /// Seams for a simulated node: a wall clock that follows tokio's clock from the Unix epoch
    /// on, and a log on stderr.
    ///
    /// The clock starts when this is called, inside a tokio runtime.
    pub fn simulated(seed: u64) -> Self {
        let start = tokio::time::Instant::now();
        Self {
            wall_clock: Rc::new(move || start.elapsed()),
            seed,
            log: Rc::new(|line| eprintln!("{line}")),
        }
    }
}
