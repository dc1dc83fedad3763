//! What a simulated node writes, on its way to the host.

use std::io::{self, Write};

use tokio::sync::mpsc;

/// A line that a node wrote, or its end, with the numbers of the node and of its start.
pub(super) enum Output {
    Line(usize, u64, String),
    Ended(usize, u64, Option<String>),
}

/// The output of a node, which is passed on line by line.
pub(super) struct Lines {
    pub(super) node: usize,
    pub(super) number: u64,
    pub(super) output: mpsc::UnboundedSender<Output>,
}

impl Write for Lines {
    fn write(&mut self, batch: &[u8]) -> io::Result<usize> {
        for line in std::str::from_utf8(batch)
            .map_err(io::Error::other)?
            .lines()
        {
            let line = Output::Line(self.node, self.number, line.to_owned());
            self.output
                .send(line)
                .map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        Ok(batch.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
