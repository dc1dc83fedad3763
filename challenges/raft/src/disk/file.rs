//! A log in a real file, and the directory it is kept in.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use super::{Disk, Written};

/// The environment variable in which Eddy names a directory that survives restarts of a node.
const DATA_DIR: &str = "EDDY_DATA_DIR";

/// Start of the names of temporary data directories; a process id and a start time follow.
const TEMPORARY_PREFIX: &str = "glomers-raft-";

/// A real file. Syncing runs on another thread, so the node continues to handle messages.
pub struct FileDisk {
    path: PathBuf,
    file: Arc<File>,
}

impl FileDisk {
    /// Opens or creates the log of a node: `<data_dir>/<node>/raft.log`.
    ///
    /// # Errors
    ///
    /// The directory or the file cannot be created or opened.
    pub fn open(data_dir: &Path, node: &str) -> io::Result<Self> {
        let dir = data_dir.join(file_name(node));
        create_dir_durably(&dir)?;
        let path = dir.join("raft.log");
        let file = open(&path)?;
        // The file is durable only if its name in the directory is.
        sync_dir(&dir)?;
        Ok(Self {
            path,
            file: Arc::new(file),
        })
    }

    /// Returns the directory of the node, in which it may keep other files beside its log.
    pub fn dir(&self) -> &Path {
        parent(&self.path)
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
                sync_dir(parent(&path))?;
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

/// Creates a directory and the missing ones above it, and makes their names durable. The parent is
/// synced even if the directory exists, since a crash may have come between creation and sync.
fn create_dir_durably(dir: &Path) -> io::Result<()> {
    let parent = parent(dir);
    if !parent.is_dir() {
        create_dir_durably(parent)?;
    }
    match fs::create_dir(dir) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(about(dir, &e)),
        _ => {}
    }
    sync_dir(parent)
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|e| about(dir, &e))
}

/// Returns the directory that contains a path; the current one for a single name.
fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    parent.unwrap_or(Path::new("."))
}

/// Returns a file name for a node id. Any id is allowed, so all bytes but letters, digits, `-` and
/// `_` are escaped: an id such as `../x` must not lead out of the data directory.
fn file_name(node: &str) -> String {
    let escaped = node.bytes().map(|byte| match byte {
        b'-' | b'_' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    escaped.collect()
}

/// Adds the path to an error.
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

/// Returns the directory in which this process keeps its logs: `given`, or the value of
/// `EDDY_DATA_DIR`, or a new temporary directory.
///
/// Only the first two survive the process, so a node that is to be restarted needs one of them; Eddy
/// sets `EDDY_DATA_DIR`. The temporary directory is new for each process, because a process must not
/// recover the log of an earlier test. Upstream Maelstrom, which sets no directory, never restarts a
/// node. Temporary directories of processes that have ended are removed where `/proc` tells which
/// processes run.
///
/// # Errors
///
/// The temporary directory cannot be created.
pub fn data_dir(given: Option<PathBuf>) -> io::Result<PathBuf> {
    let named = given.or_else(|| std::env::var_os(DATA_DIR).map(PathBuf::from));
    match named {
        Some(dir) => Ok(dir),
        None => {
            let temp = std::env::temp_dir();
            remove_abandoned(&temp);
            create_temporary(&temp)
        }
    }
}

/// Creates a directory that did not exist before, named after this process.
fn create_temporary(temp: &Path) -> io::Result<PathBuf> {
    let pid = process::id();
    let started = start_time(pid).unwrap_or(0);
    let mut count = 0;
    loop {
        let dir = temp.join(format!("{TEMPORARY_PREFIX}{pid}-{started}-{count}"));
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => count += 1,
            Err(e) => return Err(about(&dir, &e)),
        }
    }
}

/// Removes the temporary directories of processes that have ended. A process id may be reused, so
/// the start time decides whether a running process is the one that the directory is named after.
fn remove_abandoned(temp: &Path) {
    if start_time(process::id()).is_none() {
        return;
    }
    for entry in fs::read_dir(temp).into_iter().flatten().flatten() {
        let owner = owner(&entry.file_name());
        if owner.is_some_and(|(pid, started)| start_time(pid) != Some(started)) {
            // A directory that cannot be removed does no harm.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Returns the process id and start time in the name of a temporary directory.
fn owner(name: &OsStr) -> Option<(u32, u64)> {
    let mut parts = name.to_str()?.strip_prefix(TEMPORARY_PREFIX)?.split('-');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Returns the start time of a process in clock ticks since boot, field 22 of `/proc/<pid>/stat`.
/// Returns `None` if there is no such process or no `/proc`.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_directories_of_one_process_differ() {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let first = create_temporary(temp.path()).expect("it can be created");
        let second = create_temporary(temp.path()).expect("it can be created");
        assert_ne!(first, second);
    }

    #[test]
    fn only_directories_of_ended_processes_are_removed() {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let own = create_temporary(temp.path()).expect("it can be created");
        let pid = process::id();
        let Some(started) = start_time(pid) else {
            return;
        };
        let ended = [
            format!("{TEMPORARY_PREFIX}{pid}-{}-0", started - 1),
            format!("{TEMPORARY_PREFIX}{}-{started}-0", u32::MAX),
        ];
        let ended = ended.map(|name| temp.path().join(name));
        let foreign = temp.path().join("glomers-raft-notes");
        for dir in ended.iter().chain([&foreign]) {
            fs::create_dir(dir).expect("it can be created");
        }
        remove_abandoned(temp.path());
        assert!(own.exists() && foreign.exists());
        assert!(ended.iter().all(|dir| !dir.exists()));
    }

    #[test]
    fn any_node_id_stays_inside_the_data_directory() {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let data_dir = temp.path().join("a/b");
        for node in ["n1", "../x", "a/b", "..", "", "ü"] {
            let disk = FileDisk::open(&data_dir, node).expect("the log can be opened");
            assert!(disk.path.starts_with(&data_dir), "{}", disk.path.display());
            assert!(!file_name(node).contains(['/', '.']), "{node}");
        }
        assert!(data_dir.join("n1/raft.log").exists());
    }
}
