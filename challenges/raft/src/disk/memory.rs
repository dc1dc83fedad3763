//! Disks of simulated nodes, which survive the node, but not with everything that was on its way.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use rand::{Rng, RngExt};

use super::{Disk, Written};

/// The disks of a cluster, by node. Clones are the same disks, so a function that makes nodes can
/// give each node its own again after a crash.
#[derive(Clone, Default)]
pub struct Disks {
    platters: Rc<RefCell<BTreeMap<String, Rc<RefCell<Platter>>>>>,
    sync_time: Duration,
    losses: Rc<RefCell<Losses>>,
}

/// What crashes did to disks: a test without torn writes proves nothing about them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// How often a disk came back from a crash.
    pub crashes: u64,
    /// How often bytes were lost that had not been synced.
    pub unsynced: u64,
    /// How often a part of what had not been synced was there nevertheless.
    pub torn: u64,
}

/// What is on a disk.
#[derive(Debug, Default)]
struct Platter {
    durable: Vec<u8>,
    /// Written, but not synced.
    cached: Vec<u8>,
    opened: bool,
}

impl Disks {
    /// Empty disks, whose syncs take so long.
    pub fn new(sync_time: Duration) -> Self {
        Self {
            sync_time,
            ..Self::default()
        }
    }

    /// The disk of a node, as it is found after a crash: of what was not synced, a random part
    /// from the beginning is there.
    pub fn open(&self, node: &str, rng: &mut impl Rng) -> MemoryDisk {
        let mut platters = self.platters.borrow_mut();
        let platter = Rc::clone(platters.entry(node.to_owned()).or_default());
        {
            let mut platter = platter.borrow_mut();
            let cached = std::mem::take(&mut platter.cached);
            let kept = rng.random_range(0..=cached.len());
            platter.durable.extend_from_slice(&cached[..kept]);
            let mut losses = self.losses.borrow_mut();
            losses.crashes += u64::from(platter.opened);
            losses.unsynced += u64::from(kept < cached.len());
            losses.torn += u64::from(0 < kept && kept < cached.len());
            platter.opened = true;
        }
        MemoryDisk {
            node: node.to_owned(),
            platter,
            sync_time: self.sync_time,
        }
    }

    /// What crashes did so far.
    pub fn losses(&self) -> Losses {
        *self.losses.borrow()
    }

    /// Changes the bytes on a node's disk.
    pub fn damage(&self, node: &str, damage: impl FnOnce(&mut Vec<u8>)) {
        if let Some(platter) = self.platters.borrow().get(node) {
            damage(&mut platter.borrow_mut().durable);
        }
    }
}

/// The disk of a simulated node.
pub struct MemoryDisk {
    node: String,
    platter: Rc<RefCell<Platter>>,
    sync_time: Duration,
}

impl MemoryDisk {
    /// Waits as long as a real disk would. The node may die meanwhile.
    async fn spin(&self) {
        if !self.sync_time.is_zero() {
            tokio::time::sleep(self.sync_time).await;
        }
    }
}

impl Disk for MemoryDisk {
    fn name(&self) -> String {
        format!("the disk of {}", self.node)
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.platter.borrow().durable.clone())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.platter.borrow_mut().durable.truncate(length as usize);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.platter.borrow_mut().cached.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> Written<'_> {
        Box::pin(async move {
            self.spin().await;
            let mut platter = self.platter.borrow_mut();
            let cached = std::mem::take(&mut platter.cached);
            platter.durable.extend_from_slice(&cached);
            Ok(())
        })
    }

    fn replace(&mut self, contents: Vec<u8>) -> Written<'_> {
        Box::pin(async move {
            self.spin().await;
            let mut platter = self.platter.borrow_mut();
            platter.durable = contents;
            platter.cached.clear();
            Ok(())
        })
    }
}
