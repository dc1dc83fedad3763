//! What the groups of a node have on disk: a log and an archive, of which both serve all groups.
//!
//! When the log is long, snapshots of all groups replace it. Before that, records that no command has
//! used for a while move to the archive, so neither memory nor snapshots contain them. Which records
//! these are differs between replicas. That has no consequences: a command's record is back in memory
//! before the command is executed, and another node is sent the whole state.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use glomers::prelude::*;
use raft::{Disk, Output as Work, Persistent, Record, Wal};
use serde::{Deserialize, Serialize};

use super::Groups;
use crate::archive::{Archive, FileNumber, Files, Plan};
use crate::shop::{Command, ShardId};

/// Number of records without use up to which they stay in memory while the log is short. Fewer write
/// the log more often, more make a difference to the memory of a node that does little.
const MAX_IDLE_RECORDS: usize = 1000;

/// Period at which records without use are counted. A longer one leaves more of them in memory.
const IDLE_CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// A record of the log on disk.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum NodeRecord {
    /// The segments of the archive to which the snapshots belong.
    Archive(Vec<FileNumber>),
    /// A change to the persistent state of a group.
    Group(ShardId, Record<Command>),
}

/// What a node finds on its disk.
pub(super) struct Recovered {
    pub(super) wal: Wal,
    pub(super) archive: Archive,
    pub(super) groups: BTreeMap<ShardId, Persistent<Command>>,
}

/// Reads the log and opens the archive that it names. Logs on a node's console if the log was torn.
///
/// # Errors
///
/// The disk cannot be read, or its contents are damaged.
pub(super) fn recover(
    cx: &Context,
    disk: impl Disk,
    files: impl Files,
    log_bytes_min: u64,
) -> Result<Recovered> {
    let mut groups: BTreeMap<ShardId, Persistent<Command>> = BTreeMap::new();
    let mut segments = Vec::new();
    let replay = |record: NodeRecord| match record {
        NodeRecord::Archive(named) => segments = named,
        NodeRecord::Group(shard, record) => groups.entry(shard).or_default().replay(record),
    };
    let (wal, remark) = Wal::recover_records(Box::new(disk), log_bytes_min, replay)?;
    if let Some(remark) = remark {
        cx.log(&remark);
    }
    let archive = Archive::open(Rc::new(files), &segments);
    let archive = archive.map_err(|e| Error::crash(format!("the archive cannot be read: {e}")))?;
    Ok(Recovered {
        wal,
        archive,
        groups,
    })
}

/// A merged segment, once it is written or that has failed.
pub(super) type Merged = Rc<Cell<Option<(FileNumber, io::Result<()>)>>>;

/// Takes the records of all groups out of their work.
pub(super) fn take_records(work: &mut [(ShardId, Work<Command>)]) -> Vec<NodeRecord> {
    let mut all = Vec::new();
    for (shard, work) in work {
        let records = std::mem::take(&mut work.records).into_iter();
        all.extend(records.map(|record| NodeRecord::Group(*shard, record)));
    }
    all
}

impl Groups {
    /// Returns whether so many records in memory are not used that they should leave it: more than
    /// those in use, which are written again whenever others leave.
    pub(super) fn has_many_idle_records(&self) -> bool {
        let now = self.start.elapsed();
        if now < self.idle_check_at.get() {
            return false;
        }
        self.idle_check_at.set(now + IDLE_CHECK_INTERVAL);
        let (mut idle, mut in_use) = (0, 0);
        for group in self.groups.borrow_mut().values_mut() {
            let counts = group.count_records(now, self.idle);
            idle += counts.idle;
            in_use += counts.in_use;
        }
        idle >= in_use.max(MAX_IDLE_RECORDS)
    }

    /// Moves records without use to the archive, and replaces the log by snapshots of all groups.
    ///
    /// The state of a group does not change meanwhile, since only the caller applies commands. A group
    /// whose snapshot is being sent to another node keeps it, with the entries that came after.
    pub(super) async fn compact(&self, cx: &Context, wal: &mut Wal) -> io::Result<()> {
        if let Some((number, outcome)) = self.merged.take() {
            outcome?;
            self.archive.borrow_mut().adopt_merged(number)?;
        }
        let sending: BTreeSet<ShardId> = {
            let groups = self.groups.borrow();
            let sending = groups
                .iter()
                .filter(|(_, it)| it.raft().is_sending_snapshot());
            sending.map(|(shard, _)| *shard).collect()
        };
        if let Some(Plan { number, fill }) = self.plan_segment(&sending)? {
            let files = self.archive.borrow().files();
            self.during_write(cx, files.create(number, fill)).await?;
            self.archive.borrow_mut().adopt(number)?;
        }
        let mut records = vec![NodeRecord::Archive(self.archive.borrow().segments())];
        for (shard, group) in &mut *self.groups.borrow_mut() {
            let of_group = group.compact(sending.contains(shard))?;
            let of_group = of_group.into_iter();
            records.extend(of_group.map(|record| NodeRecord::Group(*shard, record)));
        }
        self.during_write(cx, wal.rewrite(records)).await?;
        self.archive.borrow_mut().remove_replaced()?;
        self.begin_merge(cx);
        Ok(())
    }

    /// Begins to merge segments, if that is due. The merged segment is adopted with the next snapshots.
    fn begin_merge(&self, cx: &Context) {
        let plan = self.archive.borrow_mut().plan_merge();
        if let Some(Plan { number, fill }) = plan {
            let (files, merged) = (self.archive.borrow().files(), Rc::clone(&self.merged));
            cx.spawn(async move {
                let outcome = files.create(number, fill).await;
                merged.set(Some((number, outcome)));
            });
        }
    }

    fn plan_segment(&self, sending: &BTreeSet<ShardId>) -> io::Result<Option<Plan>> {
        let now = self.start.elapsed();
        let mut groups = self.groups.borrow_mut();
        for group in groups.values_mut() {
            group.forget_use_before(now, self.idle);
        }
        let groups = groups.iter().filter(|(shard, _)| !sending.contains(shard));
        let idle = groups.flat_map(|(shard, group)| {
            let records = group.idle_records();
            records.map(|(key, record)| (*shard, key, record))
        });
        self.archive.borrow_mut().plan(idle)
    }
}
