//! What people see while a test runs, and at its end.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Zoned;

use crate::history::{Kind, Operation};
use crate::runner::Observer;

/// Prints to standard output, which may be closed.
pub(super) fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints to standard error, which may be closed.
fn report(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Follows a run: on standard error in a few lines or a progress bar, in `eddy.log` in full.
pub(super) struct Console {
    log: BufWriter<File>,
    bar: Option<ProgressBar>,
    quiet: bool,
    operations: usize,
    failures: usize,
    partitions: usize,
}

impl Console {
    /// A console that also writes the log at this path; `quiet` keeps all but warnings off the
    /// screen.
    pub fn new(log: &Path, quiet: bool) -> Result<Console> {
        let file = File::create(log).with_context(|| format!("{}", log.display()))?;
        let log = BufWriter::new(file);
        let (operations, failures, partitions) = (0, 0, 0);
        Ok(Console {
            log,
            bar: None,
            quiet,
            operations,
            failures,
            partitions,
        })
    }

    /// Says something on the console and in the log.
    pub fn say(&mut self, text: &str) {
        self.log("INFO", text);
        if !self.quiet {
            self.show(&format!("INFO [{}] eddy - {text}", timestamp()));
        }
    }

    /// Removes the progress bar, and makes sure that the log is on disk.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        // The log is a convenience: a full disk is no reason to lose the results.
        let _ = self.log.flush();
    }

    fn show(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| report(line)),
            None => report(line),
        }
    }

    fn log(&mut self, level: &str, text: &str) {
        let _ = writeln!(self.log, "{} {level}\t{text}", timestamp());
    }
}

fn timestamp() -> String {
    Zoned::now().strftime("%Y-%m-%d %H:%M:%S,%3f").to_string()
}

impl Observer for Console {
    fn operation(&mut self, operation: &Operation) {
        match (operation.is_client(), operation.kind) {
            (true, Kind::Invoke) => self.operations += 1,
            (true, Kind::Fail | Kind::Info) => self.failures += 1,
            (false, _) if operation.f == "start-partition" => self.partitions += 1,
            _ => {}
        }
        self.log("OP", &operation.text_line());
    }

    fn milestone(&mut self, text: &str) {
        self.say(text);
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
    }

    fn warning(&mut self, text: &str) {
        self.log("WARN", text);
        self.show(&format!("WARN [{}] eddy - {text}", timestamp()));
    }

    fn progress(&mut self, elapsed: Duration, total: Duration) {
        if self.quiet || !io::stderr().is_terminal() {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let template = "{msg} {bar:32} {pos}/{len} s";
            let style = ProgressStyle::with_template(template);
            let style = style.expect("the template is well-formed");
            ProgressBar::new(total.as_secs()).with_style(style)
        });
        if bar.position() != elapsed.as_secs() || elapsed.is_zero() {
            bar.set_position(elapsed.as_secs());
            // Every partition is two entries: what was asked for, and what was done.
            bar.set_message(format!(
                "{} operations, {} not ok, {} partitions",
                self.operations,
                self.failures,
                self.partitions / 2
            ));
        }
    }
}
