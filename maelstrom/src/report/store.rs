//! The store: one directory for each run.
//!
//! A run writes `test.json` before it starts and `history.edn` while it goes on, so that a run
//! whose program was killed can still be judged. [`RunDirectory::state`] distinguishes runs that
//! have finished, that still run, that broke off and that died.

mod record;
mod results;
mod stream;

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Zoned;
use rustix::fs::FlockOperation;

use crate::check::Results;
use crate::history::{self, History, Operation};

pub use record::RunRecord;
pub use results::RunResults;
pub use stream::LineStream;

/// The file with the [`RunRecord`].
const RECORD: &str = "test.json";

/// The file with the reason why a run broke off.
const FAILURE: &str = "failure.txt";

/// The directory of one run: `store/<workload>/<time>/`, or any other directory.
///
/// | file | content | written |
/// |---|---|---|
/// | `test.json` | the [`RunRecord`]: workload, options, seed, nodes | before the run |
/// | `history.edn` | every operation | during the run |
/// | `messages.jsonl` | every message | during the run |
/// | `history.jsonl`, `history.txt` | the same in other forms | after the run |
/// | `failure.txt` | why the run broke off | after a run that broke off |
/// | `results.edn`, `results.json` | the verdict and everything behind it | after the analysis |
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    /// The root of the store, whose links point to the newest run.
    root: Option<PathBuf>,
    /// The record's file, locked while this process performs the run.
    lock: Option<File>,
}

/// The state of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// The program that performs it still runs.
    Running,
    /// It has results.
    Finished,
    /// It broke off, for this reason.
    BrokeOff(String),
    /// The program that performed it ended without results: it was killed, or the disk was full.
    Died,
}

impl RunDirectory {
    /// Creates the directory of a run that begins now, `<root>/<workload>/<time>`, and points
    /// `<root>/current` to it.
    ///
    /// # Errors
    ///
    /// The directory or the link cannot be created.
    pub fn create(root: &Path, workload: &str) -> Result<RunDirectory> {
        let time = Zoned::now().strftime("%Y%m%dT%H%M%S.%3f%z").to_string();
        let mut run = RunDirectory::at(&root.join(workload).join(time))?;
        run.root = Some(root.to_owned());
        run.link(&root.join("current"))?;
        Ok(run)
    }

    /// Creates a directory at any path, with its parents. It may already exist.
    ///
    /// # Errors
    ///
    /// The directory cannot be created.
    pub fn at(path: &Path) -> Result<RunDirectory> {
        fs::create_dir_all(path).with_context(|| format!("{}", path.display()))?;
        Ok(RunDirectory::open(path))
    }

    /// Opens the directory of an existing run.
    pub fn open(path: &Path) -> RunDirectory {
        RunDirectory {
            path: path.to_owned(),
            root: None,
            lock: None,
        }
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a file in the directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes the record, and marks the run as running until this value is dropped.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn begin(&mut self, record: &RunRecord) -> Result<()> {
        let path = self.file(RECORD);
        let named = || format!("{}", path.display());
        let mut file = File::create(&path).with_context(named)?;
        // Without locks, as on some network file systems, a running run looks like one that died.
        let _ = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        let written = writeln!(file, "{:#}", record.to_json());
        self.lock = Some(file);
        written.with_context(named)
    }

    /// Returns a stream that writes the operations of a run to `history.edn`, which is the cheapest form
    /// to write.
    ///
    /// # Errors
    ///
    /// The file cannot be created.
    pub fn history_stream(&self) -> Result<LineStream<Operation>> {
        LineStream::create(&self.file("history.edn"), Operation::write_edn)
    }

    /// Writes the history of a run that is over as `history.jsonl` and `history.txt`, and as
    /// `history.edn` unless a [stream](Self::history_stream) wrote it; and points the links
    /// `latest` of the store here. Returns a warning for each file that could not be written.
    pub fn write_history(&self, history: &History) -> Vec<String> {
        let mut written = vec![
            self.write_lines("history.txt", history, Operation::text_line),
            self.write_lines("history.jsonl", history, Operation::json_line),
        ];
        if !self.file("history.edn").exists() {
            written.push(self.write_lines("history.edn", history, Operation::edn_line));
        }
        if let Some(root) = &self.root {
            written.push(self.link(&root.join("latest")));
            if let Some(of_workload) = self.path.parent() {
                written.push(self.link(&of_workload.join("latest")));
            }
        }
        problems(written)
    }

    /// Records the reason why a run broke off.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write_failure(&self, reason: &str) -> Result<()> {
        self.write(FAILURE, &format!("{reason}\n"))
    }

    /// Writes `results.edn` with upstream's keys, and `results.json` with everything about the run.
    /// Returns a warning for each file that could not be written.
    pub fn write_results(&self, results: &Results, json: &serde_json::Value) -> Vec<String> {
        problems([
            self.write("results.edn", &format!("{results:#}\n")),
            self.write("results.json", &format!("{json:#}\n")),
        ])
    }

    /// Returns the record of the run; `None` if there is none, as in the directories of upstream.
    ///
    /// # Errors
    ///
    /// The record cannot be read; the error names its file.
    pub fn record(&self) -> Result<Option<RunRecord>> {
        let path = self.file(RECORD);
        if !path.is_file() {
            return Ok(None);
        }
        let read = || -> Result<RunRecord> {
            let text = fs::read_to_string(&path)?;
            Ok(serde_json::from_str(&text)?)
        };
        let record = read().with_context(|| format!("the record of a run {}", path.display()))?;
        Ok(Some(record))
    }

    /// Returns the history, as the run or upstream wrote it. A last line that was cut off when the program
    /// was killed is left out.
    ///
    /// # Errors
    ///
    /// There is none, or a line cannot be read; the error names the file and says what was expected.
    pub fn history(&self) -> Result<History> {
        for name in ["history.edn", "history.edn.gz", "history.jsonl"] {
            let path = self.file(name);
            if !path.is_file() {
                continue;
            }
            // Eddy ends each line with a line break, but other programs may omit the last one.
            if name == "history.edn" && self.file(RECORD).is_file() {
                return complete_lines(&path)
                    .and_then(|text| history::read_edn(&text))
                    .with_context(|| format!("history {}", path.display()));
            }
            return history::read_file(&path);
        }
        bail!(
            "{} holds no history.edn and no history.jsonl: expected the directory of a run, such as \
             store/latest",
            self.path.display()
        )
    }

    /// Returns the state of the run.
    pub fn state(&self) -> RunState {
        let exists = |name: &str| self.file(name).is_file();
        if exists("results.json") || exists("results.edn") {
            return RunState::Finished;
        }
        if let Ok(reason) = fs::read_to_string(self.file(FAILURE)) {
            return RunState::BrokeOff(reason.trim_end().to_owned());
        }
        let is_locked = File::open(self.file(RECORD)).is_ok_and(|record| {
            rustix::fs::flock(&record, FlockOperation::NonBlockingLockShared).is_err()
        });
        match is_locked {
            true => RunState::Running,
            false => RunState::Died,
        }
    }

    /// Returns the results, as `results.json` holds them; `None` if there are none.
    pub fn results_json(&self) -> Option<serde_json::Value> {
        let text = fs::read_to_string(self.file("results.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.file(name);
        fs::write(&path, text).with_context(|| format!("{}", path.display()))
    }

    fn write_lines(
        &self,
        name: &str,
        history: &History,
        line: fn(&Operation) -> String,
    ) -> Result<()> {
        let path = self.file(name);
        let write = || {
            let mut file = BufWriter::new(File::create(&path)?);
            for operation in history.iter() {
                writeln!(file, "{}", line(operation))?;
            }
            file.flush()
        };
        write().with_context(|| format!("{}", path.display()))
    }

    /// Points a link at this run, relative to the link's own directory.
    fn link(&self, link: &Path) -> Result<()> {
        let above = link.parent().unwrap_or(Path::new(""));
        let target = self.path.strip_prefix(above).unwrap_or(&self.path);
        // Another run may do the same at the same time. The last one wins.
        let _ = fs::remove_file(link);
        std::os::unix::fs::symlink(target, link)
            .or_else(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(error),
            })
            .with_context(|| format!("{}", link.display()))
    }
}

/// Returns the text of a file up to its last line break.
fn complete_lines(path: &Path) -> Result<String> {
    let mut text = fs::read(path)?;
    let end = text.iter().rposition(|&byte| byte == b'\n');
    text.truncate(end.map_or(0, |end| end + 1));
    String::from_utf8(text).context("not UTF-8")
}

/// Returns a sentence for each failure.
fn problems(written: impl IntoIterator<Item = Result<()>>) -> Vec<String> {
    let failures = written.into_iter().filter_map(Result::err);
    failures
        .map(|error| format!("not written: {error:#}"))
        .collect()
}
