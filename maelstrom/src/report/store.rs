//! The store: one directory for each run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Zoned;

use super::RunSummary;
use crate::check::Results;
use crate::history::{History, Operation};

/// The directory of one run: `store/<workload>/<time>/`.
pub struct Store {
    root: PathBuf,
    directory: PathBuf,
    workload: String,
}

impl Store {
    /// Makes a directory for a run that begins now, and lets `current` point to it.
    pub fn create(root: &Path, workload: &str) -> Result<Store> {
        let time = Zoned::now().strftime("%Y%m%dT%H%M%S.%3f%z").to_string();
        let directory = root.join(workload).join(time);
        fs::create_dir_all(&directory).with_context(|| format!("{}", directory.display()))?;
        let store = Store {
            root: root.to_owned(),
            directory,
            workload: workload.to_owned(),
        };
        store.link(&root.join("current"), "")?;
        Ok(store)
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes the history in its three forms, and lets `latest` point here.
    pub fn write_history(&self, history: &History) -> Result<()> {
        self.write("history.edn", &history.to_lines(Operation::edn_line))?;
        self.write("history.txt", &history.to_lines(Operation::text_line))?;
        self.write("history.jsonl", &history.to_lines(Operation::json_line))?;
        self.link(&self.root.join("latest"), "")?;
        self.link(&self.root.join(&self.workload).join("latest"), "..")
    }

    /// Writes the results as EDN and JSON.
    pub fn write_results(&self, results: &Results) -> Result<()> {
        self.write("results.edn", &format!("{results:#}\n"))?;
        self.write("results.json", &format!("{:#}\n", results.to_json()))
    }

    /// Writes whatever is drawn of a run, and notes it in the results. What could not be written
    /// is told in the warnings returned: reports are a convenience, and cost nobody the results.
    pub fn write_reports(
        &self,
        summary: &RunSummary<'_>,
        results: Option<&mut Results>,
    ) -> Vec<String> {
        super::write(&self.directory, summary, results)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path(name);
        fs::write(&path, text).with_context(|| format!("{}", path.display()))
    }

    /// Lets a link, which stands `up` below the root, point to this run.
    fn link(&self, link: &Path, up: &str) -> Result<()> {
        let target = self
            .directory
            .strip_prefix(&self.root)
            .expect("the store is below its root");
        let target = Path::new(up).join(target);
        // Another run may be doing the same: the last one wins.
        let _ = fs::remove_file(link);
        std::os::unix::fs::symlink(&target, link)
            .or_else(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => Ok(()),
                _ => Err(error),
            })
            .with_context(|| format!("{}", link.display()))
    }
}
