//! A file in a directory of the node's own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Disk, Written};

/// A real file. Syncing happens on a thread of its own, so that the node goes on meanwhile.
pub struct FileDisk {
    path: PathBuf,
    file: Arc<File>,
}

impl FileDisk {
    /// Opens the log of a node, or creates it: `<data_dir>/<node>/raft.log`.
    ///
    /// # Errors
    ///
    /// The directory or the file cannot be made or opened.
    pub fn open(data_dir: &Path, node: &str) -> io::Result<Self> {
        let dir = data_dir.join(node);
        fs::create_dir_all(&dir).map_err(|e| about(&dir, &e))?;
        let path = dir.join("raft.log");
        let file = open(&path)?;
        // A file is only as durable as its name.
        sync_dir(&dir)?;
        Ok(Self {
            path,
            file: Arc::new(file),
        })
    }
}

impl Disk for FileDisk {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&*self.file).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_all()
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        (&*self.file).write_all(bytes)
    }

    fn sync(&mut self) -> Written<'_> {
        let file = Arc::clone(&self.file);
        Box::pin(on_a_thread(move || file.sync_data()))
    }

    fn replace(&mut self, contents: Vec<u8>) -> Written<'_> {
        Box::pin(async move {
            let path = self.path.clone();
            let replaced = on_a_thread(move || {
                let new = path.with_extension("new");
                let mut file = File::create(&new).map_err(|e| about(&new, &e))?;
                file.write_all(&contents)?;
                file.sync_all()?;
                fs::rename(&new, &path).map_err(|e| about(&path, &e))?;
                sync_dir(path.parent().unwrap_or(Path::new(".")))?;
                open(&path)
            });
            self.file = Arc::new(replaced.await?);
            Ok(())
        })
    }
}

fn open(path: &Path) -> io::Result<File> {
    let options = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .clone();
    options.open(path).map_err(|e| about(path, &e))
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// An error that says which file it is about.
fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(io::Error::other(e)),
    }
}

/// Where nodes keep their logs if nobody says where.
///
/// A node that is killed and started again in the same run must find its log; a node of another run
/// must not. The bench is asked first: Eddy names a directory of the run in `EDDY_DATA_DIR`. Without
/// it, as on upstream, whose nodes are never started again, it is a temporary directory under the
/// name of the process that started the node. A process id alone does not name a process for ever,
/// so its time of start is part of the name where the system tells it; what the children of
/// processes that are gone have left behind is removed.
pub fn data_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("EDDY_DATA_DIR") {
        return dir.into();
    }
    let temp = std::env::temp_dir();
    let prefix = "glomers-raft-";
    let of_process = |pid: &str| format!("{prefix}{pid}-{}", start_time(pid).unwrap_or(0));
    for entry in fs::read_dir(&temp).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with(prefix)) else {
            continue;
        };
        let pid = name[prefix.len()..].split('-').next().unwrap_or_default();
        if name != of_process(pid) {
            // Its process is gone. If it cannot be removed, it is in nobody's way.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    temp.join(of_process(&std::os::unix::process::parent_id().to_string()))
}

/// When a process started, in ticks since the system did: the 22nd field of its `stat`.
fn start_time(pid: &str) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19)?.parse().ok()
}
