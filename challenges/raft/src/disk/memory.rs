//! Disks of simulated nodes: they survive the node but lose unsynced bytes in a crash.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use rand::{Rng, RngExt};

use super::{Disk, Written};

/// The disks of a cluster, by node. Clones share the same disks, so a function that creates nodes
/// can give a restarted node its disk again.
#[derive(Clone, Default)]
pub struct Disks {
    disks: Rc<RefCell<BTreeMap<String, Rc<RefCell<DiskContents>>>>>,
    sync_time: Rc<Cell<Duration>>,
    losses: Rc<RefCell<Losses>>,
}

/// The effects of crashes on disks. A test about torn writes asserts that there were some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Number of times a disk was opened again after a crash.
    pub crashes: u64,
    /// Number of crashes that lost unsynced bytes.
    pub unsynced: u64,
    /// Number of crashes that kept a part of the unsynced bytes and lost the rest.
    pub torn: u64,
}

/// The contents of a disk.
#[derive(Debug, Default)]
struct DiskContents {
    durable: Vec<u8>,
    /// Appended but not yet synced.
    cached: Vec<u8>,
    opened: bool,
}

impl Disks {
    /// Creates empty disks whose syncs take `sync_time`.
    pub fn new(sync_time: Duration) -> Self {
        let disks = Self::default();
        disks.set_sync_time(sync_time);
        disks
    }

    /// Changes how long syncs take, from the next one on.
    pub fn set_sync_time(&self, sync_time: Duration) {
        self.sync_time.set(sync_time);
    }

    /// Opens the disk of a node as a crash leaves it: a random prefix of the unsynced bytes is kept.
    pub fn open(&self, node: &str, rng: &mut impl Rng) -> MemoryDisk {
        let mut disks = self.disks.borrow_mut();
        let contents = Rc::clone(disks.entry(node.to_owned()).or_default());
        {
            let mut contents = contents.borrow_mut();
            let cached = std::mem::take(&mut contents.cached);
            let kept = rng.random_range(0..=cached.len());
            contents.durable.extend_from_slice(&cached[..kept]);
            let mut losses = self.losses.borrow_mut();
            losses.crashes += u64::from(contents.opened);
            losses.unsynced += u64::from(kept < cached.len());
            losses.torn += u64::from(0 < kept && kept < cached.len());
            contents.opened = true;
        }
        MemoryDisk {
            node: node.to_owned(),
            contents,
            sync_time: Rc::clone(&self.sync_time),
        }
    }

    /// Returns the effects of all crashes so far.
    pub fn losses(&self) -> Losses {
        *self.losses.borrow()
    }

    /// Changes the durable bytes of a node's disk.
    pub fn damage(&self, node: &str, damage: impl FnOnce(&mut Vec<u8>)) {
        if let Some(contents) = self.disks.borrow().get(node) {
            damage(&mut contents.borrow_mut().durable);
        }
    }
}

/// The disk of a simulated node.
pub struct MemoryDisk {
    node: String,
    contents: Rc<RefCell<DiskContents>>,
    sync_time: Rc<Cell<Duration>>,
}

impl MemoryDisk {
    /// Waits for the time of an fsync, during which the node may crash.
    async fn fsync_delay(&self) {
        let sync_time = self.sync_time.get();
        if !sync_time.is_zero() {
            tokio::time::sleep(sync_time).await;
        }
    }
}

impl Disk for MemoryDisk {
    fn name(&self) -> String {
        format!("the disk of {}", self.node)
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.contents.borrow().durable.clone())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        self.contents.borrow_mut().durable.truncate(length);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.contents.borrow_mut().cached.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> Written<'_> {
        Box::pin(async move {
            self.fsync_delay().await;
            let mut contents = self.contents.borrow_mut();
            let cached = std::mem::take(&mut contents.cached);
            contents.durable.extend_from_slice(&cached);
            Ok(())
        })
    }

    fn replace(&mut self, new: Vec<u8>) -> Written<'_> {
        Box::pin(async move {
            self.fsync_delay().await;
            let mut contents = self.contents.borrow_mut();
            contents.durable = new;
            contents.cached.clear();
            Ok(())
        })
    }
}
