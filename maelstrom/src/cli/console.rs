//! What the user sees while a run goes on.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Zoned;

use super::perform::counted;
use crate::history::{Kind, Operation};
use crate::nemesis::Faults;
use crate::report::LineStream;
use crate::runner::Observer;

/// The interval at which the spinner of the last phases moves.
const TICK_INTERVAL: Duration = Duration::from_millis(120);

/// Prints to standard output, which may be closed.
pub(super) fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints to standard error, which may be closed.
fn report(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Returns what to do where there is no store.
pub(super) fn no_store(path: &Path) -> String {
    format!(
        "there is no store at {}: `eddy test` creates ./store when it performs a run; run eddy in the \
         directory where you ran the tests, or name the store with --store DIR",
        path.display()
    )
}

/// What is shown on standard error while a run goes on. Warnings are always shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// The log, and a progress bar on a terminal.
    Log,
    /// A progress bar on a terminal.
    Progress,
    /// Nothing else.
    Quiet,
}

/// Follows a run: on standard error with a few lines or a progress bar, and in `eddy.log`.
pub(super) struct Console {
    /// `None` if the file could not be created.
    log: Option<LineStream<String>>,
    bar: Option<ProgressBar>,
    verbosity: Verbosity,
    operations: usize,
    failures: usize,
    faults: FaultsInForce,
}

impl Console {
    /// Creates a console that also writes to `log`.
    pub fn new(log: Option<LineStream<String>>, verbosity: Verbosity, faults: &Faults) -> Console {
        Console {
            log,
            bar: None,
            verbosity,
            operations: 0,
            failures: 0,
            faults: FaultsInForce::new(faults),
        }
    }

    /// Writes a line on the console and in the log.
    pub fn say(&mut self, text: &str) {
        self.log("INFO", text);
        if self.verbosity == Verbosity::Log {
            self.show(&format!("INFO [{}] eddy - {text}", timestamp()));
        }
    }

    /// Removes the progress bar and closes the log. Returns why the log could not be written, if it
    /// could not.
    pub fn finish(&mut self) -> Option<String> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let error = self.log.take()?.finish().err()?;
        Some(format!("not written: {error:#}"))
    }

    fn show(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| report(line)),
            None => report(line),
        }
    }

    fn log(&self, level: &str, text: &str) {
        if let Some(log) = &self.log {
            log.push(format!("{} {level}\t{text}", timestamp()));
        }
    }

    fn message(&self, elapsed: Duration, total: Duration) -> String {
        let counts = format!(
            "{}, {} not ok",
            counted(self.operations, "operation"),
            self.failures
        );
        if elapsed + Duration::from_secs(1) >= total {
            return format!("{counts}, waiting for the last ones");
        }
        format!("{counts}, {}", self.faults.text())
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
            (true, Kind::Ok) => {}
            (false, _) => self.faults.see(&operation.f),
        }
    }

    fn milestone(&mut self, text: &str) {
        self.say(text);
        // The main phase is over: what follows has no known length.
        if let Some(bar) = &self.bar {
            let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
            bar.set_style(style.expect("the template is well-formed"));
            bar.set_message(text.to_owned());
            bar.reset_elapsed();
            bar.enable_steady_tick(TICK_INTERVAL);
        }
    }

    fn warning(&mut self, text: &str) {
        self.log("WARN", text);
        self.show(&format!("WARN [{}] eddy - {text}", timestamp()));
    }

    fn progress(&mut self, elapsed: Duration, total: Duration) {
        if self.verbosity == Verbosity::Quiet || !io::stderr().is_terminal() {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{bar:32} {pos}/{len} s  {msg}");
            let style = style.expect("the template is well-formed");
            ProgressBar::new(total.as_secs()).with_style(style)
        });
        if bar.position() != elapsed.as_secs() || elapsed.is_zero() {
            bar.set_position(elapsed.as_secs());
            let message = self.message(elapsed, total);
            if let Some(bar) = &self.bar {
                bar.set_message(message);
            }
        }
    }
}

/// The faults that are in force, by what the nemesis records.
struct FaultsInForce {
    /// For each label: the functions that record its start and its end, and whether it is in force.
    kinds: Vec<(String, String, String, bool)>,
}

impl FaultsInForce {
    fn new(faults: &Faults) -> FaultsInForce {
        let mut kinds: Vec<(String, String, String, bool)> = Vec::new();
        for fault in faults.iter() {
            // Kinds that are recorded in the same way cannot be told apart.
            if kinds.iter().all(|(_, start, ..)| *start != fault.start) {
                let [label, start, stop] =
                    [&fault.label, &fault.start, &fault.stop].map(ToString::to_string);
                kinds.push((label, start, stop, false));
            }
        }
        FaultsInForce { kinds }
    }

    /// Notes an entry of the nemesis.
    fn see(&mut self, f: &str) {
        for (_, start, stop, is_on) in &mut self.kinds {
            if start == f || stop == f {
                *is_on = start == f;
            }
        }
    }

    fn text(&self) -> String {
        let on = self.kinds.iter().filter(|(.., is_on)| *is_on);
        let names: Vec<&str> = on.map(|(label, ..)| label.as_str()).collect();
        match names.is_empty() {
            true => "no fault".to_owned(),
            false => format!("faults: {}", names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_in_force_are_named_from_their_start_to_their_end() {
        let mut faults = FaultsInForce::new(&Faults::default());
        assert_eq!(faults.text(), "no fault");
        for (f, expected) in [
            ("start-partition", "faults: partition"),
            ("kill", "faults: partition, kill"),
            ("stop-partition", "faults: kill"),
            ("start", "no fault"),
            ("something-else", "no fault"),
        ] {
            faults.see(f);
            assert_eq!(faults.text(), expected, "after {f}");
        }
    }
}
