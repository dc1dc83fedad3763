//! The files of archives on simulated disks: they survive the node, and reads are counted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use raft::Written;

use super::{Contents, FileNumber, Files, Fill, ReadAt};

type FilesOfNode = BTreeMap<FileNumber, Arc<[u8]>>;

/// The files of a cluster, by node. Clones share the same files.
#[derive(Clone, Default)]
pub struct MemoryFiles {
    nodes: Rc<RefCell<BTreeMap<String, FilesOfNode>>>,
    sync_time: Duration,
    reads: Arc<AtomicU64>,
}

impl MemoryFiles {
    /// Creates a cluster without files, in which it takes `sync_time` to make one durable.
    pub fn new(sync_time: Duration) -> Self {
        Self {
            sync_time,
            ..Self::default()
        }
    }

    /// Returns the files of a node, as the last crash has left them.
    pub fn of(&self, node: &str) -> FilesOf {
        FilesOf {
            node: node.to_owned(),
            all: self.clone(),
        }
    }

    /// Returns the number of reads of any file so far.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Returns the number of bytes in the files of a node.
    pub fn bytes(&self, node: &str) -> usize {
        let nodes = self.nodes.borrow();
        let files = nodes.get(node).into_iter().flat_map(BTreeMap::values);
        files.map(|file| file.len()).sum()
    }

    /// Changes the bytes of a node's files.
    pub fn damage(&self, node: &str, damage: impl Fn(&mut [u8])) {
        let mut nodes = self.nodes.borrow_mut();
        for file in nodes.entry(node.to_owned()).or_default().values_mut() {
            let mut bytes = file.to_vec();
            damage(&mut bytes);
            *file = bytes.into();
        }
    }
}

/// The files of one node.
pub struct FilesOf {
    node: String,
    all: MemoryFiles,
}

impl FilesOf {
    fn with<T>(&self, change: impl FnOnce(&mut FilesOfNode) -> T) -> T {
        let mut nodes = self.all.nodes.borrow_mut();
        change(nodes.entry(self.node.clone()).or_default())
    }
}

impl Files for FilesOf {
    fn create(&self, number: FileNumber, fill: Fill) -> Written<'_> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            fill(&mut bytes)?;
            // A crash before the end leaves the first half.
            let half = bytes[..bytes.len() / 2].into();
            self.with(|files| files.insert(number, half));
            if !self.all.sync_time.is_zero() {
                tokio::time::sleep(self.all.sync_time).await;
            }
            self.with(|files| files.insert(number, bytes.into()));
            Ok(())
        })
    }

    fn open(&self, number: FileNumber) -> io::Result<Contents> {
        let bytes = self.with(|files| files.get(&number).cloned());
        let bytes = bytes.ok_or_else(|| io::Error::from(ErrorKind::NotFound))?;
        Ok(Arc::new(MemoryFile {
            bytes,
            reads: Arc::clone(&self.all.reads),
        }))
    }

    fn numbers(&self) -> io::Result<Vec<FileNumber>> {
        Ok(self.with(|files| files.keys().copied().collect()))
    }

    fn remove(&self, number: FileNumber) -> io::Result<()> {
        self.with(|files| files.remove(&number));
        Ok(())
    }
}

struct MemoryFile {
    bytes: Arc<[u8]>,
    reads: Arc<AtomicU64>,
}

impl ReadAt for MemoryFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = self.bytes.get(start..start + buffer.len());
        buffer.copy_from_slice(bytes.ok_or_else(|| io::Error::from(ErrorKind::UnexpectedEof))?);
        Ok(())
    }
}
