//! What the user sees of a scenario: its progress, its result, and the command that replays a failure.
//!
//! With `EDDY_SIM_REPORT` set (as `make sim` does) each scenario is a line, and a failure a paragraph.
//! They are written to stderr directly, since the test harness shows nothing of tests that pass.

use std::io::Write;
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::shard::Shard;
use super::shrink::Smallest;
use super::story::abridged;
use super::tally::Totals;
use crate::seed::Seed;

/// A test that runs many seeds.
pub(super) struct Scenario {
    /// The path of the test within its program.
    pub(super) name: String,
    /// The command that runs this test's program.
    command: String,
    /// The package, and the program if it has another name.
    heading: String,
    reports: bool,
}

/// The failure of a seed for which the scenario panicked.
pub(super) struct Failure<'a> {
    pub(super) seed: Seed,
    /// The panic's message.
    pub(super) message: &'a str,
    /// The description of the seed's last run, if there was one.
    pub(super) description: Option<&'a str>,
    /// The smallest run that fails in the same way, if one was looked for.
    pub(super) smallest: Option<&'a Smallest>,
}

impl Scenario {
    /// Returns the scenario of the test that the current thread runs, after which the harness named
    /// the thread.
    pub(super) fn current() -> Scenario {
        let name = std::thread::current()
            .name()
            .unwrap_or("scenario")
            .to_owned();
        let executable = std::env::current_exe().unwrap_or_default();
        let program = program_name(&executable);
        let package = std::env::var("CARGO_PKG_NAME").ok();
        let (command, heading) = match package {
            Some(package) => (
                match is_integration_test(&program) {
                    true => format!("cargo test -q -p {package} --test {program}"),
                    false => format!("cargo test -q -p {package}"),
                },
                match program == package.replace('-', "_") {
                    true => package,
                    false => format!("{package}, {program}"),
                },
            ),
            None => (executable.display().to_string(), program),
        };
        Scenario {
            name,
            command,
            heading,
            reports: std::env::var_os("EDDY_SIM_REPORT").is_some(),
        }
    }

    /// Returns the command that runs one seed again.
    fn replay(&self, seed: Seed) -> String {
        let Scenario { name, command, .. } = self;
        let separator = if command.starts_with("cargo ") {
            "-- "
        } else {
            ""
        };
        format!("EDDY_SEED={seed} {command} {name} {separator}--exact --nocapture")
    }

    /// Tells the smallest run that fails in the same way, and how to replay it.
    fn tell_smallest(&self, failure: &Failure, smallest: &Smallest) -> String {
        let mut lines = vec![format!(
            "the smallest run that was found to fail in the same way ({} runs tried): {}",
            smallest.trials, smallest.description
        )];
        lines.extend(abridged(&smallest.story));
        lines.push(format!(
            "replay it: EDDY_SHRUNK={} {}",
            smallest.reduction,
            self.replay(failure.seed)
        ));
        lines.extend(smallest.page.iter().map(|page| format!("its page: {page}")));
        lines.join("\n")
    }

    /// Ends the process: a seed hangs, and its thread cannot be stopped.
    pub(super) fn give_up(&self, seed: Seed) -> ! {
        tell(&format!(
            "\nseed {seed} of {} does not end\nreplay: {}\n",
            self.name,
            self.replay(seed)
        ));
        std::process::exit(101);
    }

    /// Returns a bar that counts seeds. Without a terminal nothing is drawn.
    pub(super) fn progress_bar(&self, seeds: u64) -> ProgressBar {
        if !self.reports {
            return ProgressBar::hidden();
        }
        self.begin();
        let style = ProgressStyle::with_template("          {bar:30} {pos}/{len} seeds  {msg}")
            .expect("the template is well-formed");
        ProgressBar::new(seeds)
            .with_style(style)
            .with_message(self.name.clone())
    }

    /// Writes the heading above the program's first scenario.
    fn begin(&self) {
        static HEADING: Once = Once::new();
        HEADING.call_once(|| tell(&format!("\n{}\n", self.heading)));
    }

    /// Writes the scenario's line, and the paragraph of its failure.
    pub(super) fn end(&self, tally: &Totals, wall: Duration, failure: Option<Failure>) {
        if let Some(path) = std::env::var_os("EDDY_RESULTS") {
            let line = self.result(tally, wall, failure.as_ref());
            if let Err(error) = append(Path::new(&path), &line) {
                panic!("EDDY_RESULTS, {}: {error}", path.display());
            }
        }
        let replay = failure.as_ref().map(|failure| {
            let replay = format!("replay: {}", self.replay(failure.seed));
            match failure.smallest {
                Some(smallest) => format!("{replay}\n{}", self.tell_smallest(failure, smallest)),
                None => replay,
            }
        });
        if !self.reports {
            if let (Some(failure), Some(replay)) = (failure, replay) {
                eprintln!("\n{}", paragraph(&failure, &replay));
            }
            return;
        }
        let verdict = if failure.is_none() { "ok" } else { "FAILED" };
        let runs = match tally.runs {
            1 => "1 run ".to_owned(),
            runs => format!("{runs} runs"),
        };
        tell(&format!(
            "  {verdict:<6} {runs:>9} {:>8.0} s virtual {:>7.1} s wall   {}: {tally}\n",
            tally.virtual_time.as_secs_f64(),
            wall.as_secs_f64(),
            self.name,
        ));
        if let (Some(failure), Some(replay)) = (failure, replay) {
            tell(&format!("\n{}\n\n", paragraph(&failure, &replay)));
        }
    }
}

impl Scenario {
    /// Returns the outcome as a line of JSON, which `scripts/merge-seeds` reads.
    fn result(&self, tally: &Totals, wall: Duration, failure: Option<&Failure>) -> String {
        let failure = failure.map(|failure| {
            json!({
                "seed": failure.seed.0,
                "message": failure.message,
                "replay": self.replay(failure.seed),
            })
        });
        let line = json!({
            "scenario": format!("{}: {}", self.heading, self.name),
            "shard": Shard::from_env().to_string(),
            "runs": tally.runs,
            "virtual_s": tally.virtual_time.as_secs(),
            "wall_s": wall.as_secs_f64(),
            "failure": failure,
        });
        format!("{line}\n")
    }
}

/// Appends a line to a file, in one write: several programs may use the file.
fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new();
    let mut file = file.create(true).append(true).open(path)?;
    file.write_all(line.as_bytes())
}

/// Returns the paragraph of a failure, indented.
fn paragraph(failure: &Failure, replay: &str) -> String {
    let mut lines = Vec::new();
    let headline = format!("seed {}", failure.seed);
    if !failure.message.starts_with(&headline) {
        match failure.description {
            Some(description) => lines.push(format!("{headline}: {description}")),
            None => lines.push(headline),
        }
    }
    lines.extend(failure.message.lines().map(str::to_owned));
    lines.extend(replay.lines().map(str::to_owned));
    let lines = lines.iter().map(|line| format!("         {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes to stderr directly: the harness captures `eprintln`, and drops it if the test passes.
fn tell(text: &str) {
    // A closed stderr is no reason to fail.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Returns the name of a test program: that of its file, without the hash that cargo appends.
fn program_name(executable: &Path) -> String {
    let stem = executable.file_stem().unwrap_or_default().to_string_lossy();
    match stem.rsplit_once('-') {
        Some((name, _)) => name.to_owned(),
        None => stem.into_owned(),
    }
}

fn is_integration_test(program: &str) -> bool {
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let tests = Path::new(&package).join("tests");
    tests.join(program).join("main.rs").exists() || tests.join(format!("{program}.rs")).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure<'a>(message: &'a str, description: Option<&'a str>) -> Failure<'a> {
        Failure {
            seed: Seed(7),
            message,
            description,
            smallest: None,
        }
    }

    #[test]
    fn failure_begins_with_the_seed_and_the_options_and_ends_with_the_replay() {
        let asserted = failure("too slow", Some("echo, 3 nodes"));
        let lines: Vec<String> = paragraph(&asserted, "replay: …")
            .lines()
            .map(|line| line.trim().to_owned())
            .collect();
        assert_eq!(lines, ["seed 7: echo, 3 nodes", "too slow", "replay: …"]);
        let judged = failure("seed 7: echo, 3 nodes\ninvalid", Some("echo, 3 nodes"));
        assert_eq!(paragraph(&judged, "replay: …").matches("seed 7").count(), 1);
    }

    #[test]
    fn replay_command_names_only_this_test() {
        let scenario = Scenario {
            name: "faults::nothing_is_lost".to_owned(),
            command: "cargo test -q -p g-set --test g_set".to_owned(),
            heading: String::new(),
            reports: false,
        };
        assert_eq!(
            scenario.replay(Seed(7)),
            "EDDY_SEED=7 cargo test -q -p g-set --test g_set faults::nothing_is_lost -- --exact --nocapture"
        );
        assert_eq!(program_name(Path::new("/deps/g_set-0a1b2c")), "g_set");
        assert_eq!(program_name(Path::new("/bin/swarm")), "swarm");
    }
}
