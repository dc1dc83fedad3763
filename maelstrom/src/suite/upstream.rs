//! Upstream Maelstrom as a bench.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::Metrics;
use crate::edn;
use crate::history;

/// The path at which `maelstrom/install-upstream` installs it, relative to the project's root.
const INSTALLED: &str = "maelstrom/upstream/maelstrom/maelstrom";

/// The directory in which upstream runs, so that its store is separate from Eddy's.
const WORKING_DIRECTORY: &str = "store/upstream";

/// The advice on how to continue without upstream.
const INSTEAD: &str = "or go on with Eddy, which needs neither: BENCH=eddy, or --bench eddy";

/// The workloads that upstream has.
const WORKLOADS: [&str; 10] = [
    "broadcast",
    "echo",
    "g-counter",
    "g-set",
    "kafka",
    "lin-kv",
    "pn-counter",
    "txn-list-append",
    "txn-rw-register",
    "unique-ids",
];

/// The faults that upstream has.
const FAULTS: [&str; 1] = ["partition"];

/// An upstream Maelstrom that can be run.
#[derive(Clone, Debug)]
pub struct Upstream {
    launcher: PathBuf,
}

impl Upstream {
    /// Finds the Maelstrom that the variable `MAELSTROM` names, or the installed one.
    ///
    /// # Errors
    ///
    /// There is none, or what it needs is missing; the error says how to continue.
    pub fn find() -> Result<Upstream> {
        let named = std::env::var_os("MAELSTROM").map(PathBuf::from);
        Upstream::at(named.as_deref())
    }

    /// Returns what upstream lacks for a test, in words, such as `upstream has no kill`.
    pub fn lacks(workload: &str, faults: &[String]) -> Option<String> {
        let workload = Some(workload).filter(|workload| !WORKLOADS.contains(workload));
        let faults = faults.iter().map(String::as_str);
        let faults = faults.filter(|fault| !FAULTS.contains(fault));
        let lacking: Vec<&str> = workload.into_iter().chain(faults).collect();
        (!lacking.is_empty()).then(|| format!("upstream has no {}", lacking.join(", no ")))
    }

    fn at(named: Option<&Path>) -> Result<Upstream> {
        let launcher = match named {
            Some(named) if named.is_dir() => named.join("maelstrom"),
            Some(named) => named.to_owned(),
            None => PathBuf::from(INSTALLED),
        };
        let Ok(launcher) = launcher.canonicalize() else {
            bail!(
                "there is no Maelstrom at {}: install it with `make maelstrom`, name one with \
                 MAELSTROM=/path/to/maelstrom, {INSTEAD}",
                launcher.display()
            );
        };
        // The installed Maelstrom needs a JVM; a program named by hand may not.
        if named.is_none() && !runs("java", "-version") {
            bail!(
                "Maelstrom needs java, which does not run here: install a JDK of version 11 or \
                 later (Debian: apt-get install default-jdk-headless gnuplot graphviz), {INSTEAD}"
            );
        }
        Ok(Upstream { launcher })
    }

    /// Runs a node program with these options, and returns the figures of the run.
    ///
    /// # Errors
    ///
    /// The run left no results.
    pub fn run(&self, bin: &Path, options: &[String], arguments: &[String]) -> Result<Metrics> {
        let bin = bin
            .canonicalize()
            .with_context(|| format!("cannot run {}", bin.display()))?;
        let directory = Path::new(WORKING_DIRECTORY);
        std::fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        let latest = directory.join("store/latest");
        let before = latest.canonicalize().ok();
        let output = Command::new(&self.launcher)
            .arg("test")
            .args(options)
            .arg("--bin")
            .arg(bin)
            .args((!arguments.is_empty()).then_some("--"))
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}", self.launcher.display()))?;
        let tail = || {
            let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
            let text = String::from_utf8_lossy(&text).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(20)..].join("\n")
        };
        let after = latest
            .canonicalize()
            .ok()
            .filter(|after| Some(after) != before.as_ref());
        let Some(run) = after else {
            bail!(
                "Maelstrom ended with {} and left no results:\n{}",
                output.status,
                tail()
            );
        };
        let path = run.join("results.edn");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{}\n{}", path.display(), tail()))?;
        let results = edn::parse(&text).with_context(|| path.display().to_string())?;
        let history = history::read_file(&run.join("history.edn"))?;
        Ok(Metrics {
            directory: Some(run),
            ..Metrics::read(&results, &history)
        })
    }
}

fn runs(program: &str, argument: &str) -> bool {
    let command = Command::new(program)
        .arg(argument)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    command.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_that_upstream_cannot_run_are_named_with_what_it_lacks() {
        let lacks = |workload, faults: &[&str]| {
            let faults: Vec<String> = faults.iter().map(|&fault| fault.to_owned()).collect();
            Upstream::lacks(workload, &faults)
        };
        assert_eq!(lacks("lin-kv", &["partition"]), None);
        let kill = lacks("lin-kv", &["kill", "partition"]);
        assert_eq!(kill.as_deref(), Some("upstream has no kill"));
        let election = lacks("leader-election", &["pause"]);
        assert_eq!(
            election.as_deref(),
            Some("upstream has no leader-election, no pause")
        );
    }
}
