//! The files of an archive in a directory.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use raft::Written;

use super::{Contents, FileNumber, Files, Fill, ReadAt};

/// Start of the names of files; the number follows.
const PREFIX: &str = "archive-";

/// Files in a directory, which may contain others. They are written on another thread, so the node
/// continues to handle messages.
pub struct Directory(PathBuf);

impl Directory {
    /// Keeps the files of an archive in a directory, which must exist.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    fn path(&self, number: FileNumber) -> PathBuf {
        self.0.join(format!("{PREFIX}{number}"))
    }
}

impl Files for Directory {
    fn create(&self, number: FileNumber, fill: Fill) -> Written<'_> {
        let (dir, path) = (self.0.clone(), self.path(number));
        let write = move || {
            let mut file = BufWriter::new(File::create(&path)?);
            fill(&mut file)?;
            file.flush()?;
            file.get_ref().sync_all()?;
            File::open(dir)?.sync_all()
        };
        Box::pin(async move {
            match tokio::task::spawn_blocking(write).await {
                Ok(written) => written,
                Err(e) => Err(io::Error::other(e)),
            }
        })
    }

    fn open(&self, number: FileNumber) -> io::Result<Contents> {
        let path = self.path(number);
        let file = File::open(&path).map_err(|e| {
            let text = format!("{}: {e}", path.display());
            io::Error::new(e.kind(), text)
        })?;
        Ok(Arc::new(file))
    }

    fn numbers(&self) -> io::Result<Vec<FileNumber>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            numbers.extend(number.and_then(|number| number.parse::<FileNumber>().ok()));
        }
        Ok(numbers)
    }

    fn remove(&self, number: FileNumber) -> io::Result<()> {
        match fs::remove_file(self.path(number)) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }
}

impl ReadAt for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }
}
