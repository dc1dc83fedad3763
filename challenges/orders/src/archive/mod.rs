//! The archive of a node: the records that left memory because no request asked for them.
//!
//! An archive is a list of immutable segments, each of them a hash table in a file, so that a
//! look-up reads two short pieces of each segment and keeps nothing in memory. New records are written as
//! a new segment. In the background, the last segments are merged if they are of similar size (a
//! log-structured merge tree, O'Neil et al., 1996). The sizes of segments therefore grow geometrically,
//! and their number logarithmically.
//!
//! An archive belongs to a snapshot. The node's log names the segments, and the snapshots beside their
//! names lack the records in them. Segments become valid, and replaced ones invalid, with the log that
//! names them: a crash in between leaves files without a name, which the next start removes.

mod directory;
mod memory;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

pub use directory::Directory;
pub use memory::MemoryFiles;
use raft::Written;
use segment::{Item, Segment};

use crate::shop::{Record, ShardId};

/// A segment is merged with those after it if it has fewer items than this factor times theirs. With
/// 2, a record is written about log2(all records / new records) times; a larger factor writes more
/// often, a smaller one leaves more segments to look through.
const GROWTH: u64 = 2;

/// Number of a file. Each is used once.
pub type FileNumber = u64;

/// Writes the contents of a file. May run on another thread.
pub type Fill = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

/// The contents of a file.
pub type Contents = Arc<dyn ReadAt>;

/// A file that does not change.
pub trait ReadAt: Send + Sync {
    /// Returns the length in bytes.
    fn length(&self) -> io::Result<u64>;

    /// Reads the bytes from an offset on, as many as the buffer has.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// Files that survive their process.
pub trait Files: 'static {
    /// Writes a new file. It is durable when the future is ready; a crash before may leave any part of
    /// it.
    fn create(&self, number: FileNumber, fill: Fill) -> Written<'_>;

    /// Opens a file.
    fn open(&self, number: FileNumber) -> io::Result<Contents>;

    /// Returns the numbers of all files, also of those that a crash has left.
    fn numbers(&self) -> io::Result<Vec<FileNumber>>;

    /// Removes a file.
    fn remove(&self, number: FileNumber) -> io::Result<()>;
}

/// The archive of a node.
pub(crate) struct Archive {
    files: Rc<dyn Files>,
    /// The oldest first. Of several records with the same key, the one in the last segment counts.
    segments: Vec<Segment>,
    next: FileNumber,
    /// The segments that are being merged.
    merging: Option<Range<usize>>,
    /// Files that the log on disk still names.
    replaced: Vec<FileNumber>,
}

/// A segment to be written.
pub(crate) struct Plan {
    pub(crate) number: FileNumber,
    pub(crate) fill: Fill,
}

impl Archive {
    /// Opens the archive that consists of these segments, the oldest first, and removes all other
    /// files.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or is damaged.
    pub(crate) fn open(files: Rc<dyn Files>, segments: &[FileNumber]) -> io::Result<Self> {
        for number in files.numbers()? {
            if !segments.contains(&number) {
                files.remove(number)?;
            }
        }
        let open = |number: &FileNumber| Segment::open(*number, files.open(*number)?);
        Ok(Self {
            segments: segments.iter().map(open).collect::<io::Result<_>>()?,
            next: segments.iter().max().map_or(1, |last| last + 1),
            merging: None,
            replaced: Vec::new(),
            files,
        })
    }

    pub(crate) fn files(&self) -> Rc<dyn Files> {
        Rc::clone(&self.files)
    }

    /// Returns the numbers of the segments, the oldest first.
    pub(crate) fn segments(&self) -> Vec<FileNumber> {
        self.segments.iter().map(Segment::number).collect()
    }

    /// Returns a record of a shard, if the archive has it.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or is damaged.
    pub(crate) fn get(&self, shard: ShardId, key: &str) -> io::Result<Option<Record>> {
        let hash = segment::hash_of(shard, key);
        for segment in self.segments.iter().rev() {
            if let Some(record) = segment.get(hash, shard, key)? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Returns all records of a shard. Reads the whole archive.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or is damaged.
    pub(crate) fn records_of(&self, shard: ShardId) -> io::Result<BTreeMap<String, Record>> {
        let mut records = BTreeMap::new();
        for segment in &self.segments {
            for item in segment.items() {
                let item = item?;
                if item.shard == shard {
                    let record = item.record()?;
                    records.insert(item.key, record);
                }
            }
        }
        Ok(records)
    }

    /// Plans to write records into a segment; `None` without records. The caller writes it and then
    /// [adopts](Self::adopt) it.
    ///
    /// # Errors
    ///
    /// A record cannot be serialised.
    pub(crate) fn plan<'a>(
        &mut self,
        records: impl IntoIterator<Item = (ShardId, &'a String, &'a Record)>,
    ) -> io::Result<Option<Plan>> {
        let records = records.into_iter();
        let items = records.map(|(shard, key, record)| Item::new(shard, key, record));
        let mut items = items.collect::<io::Result<Vec<_>>>()?;
        items.sort_unstable();
        Ok((!items.is_empty()).then(|| self.plan_of(Vec::new(), items)))
    }

    /// Plans to merge the last segments, if several are of similar size and no merge is in progress. The
    /// caller writes the merged segment and then [adopts](Self::adopt_merged) it.
    pub(crate) fn plan_merge(&mut self) -> Option<Plan> {
        let mut first = self.segments.len().checked_sub(1)?;
        let mut count = self.segments[first].count();
        while first > 0 && self.segments[first - 1].count() < GROWTH * count {
            first -= 1;
            count += self.segments[first].count();
        }
        let merged = first..self.segments.len();
        if merged.len() < 2 || self.merging.is_some() {
            return None;
        }
        let older = self.segments[merged.clone()].to_vec();
        self.merging = Some(merged);
        Some(self.plan_of(older, Vec::new()))
    }

    fn plan_of(&mut self, older: Vec<Segment>, items: Vec<Item>) -> Plan {
        let number = self.next;
        self.next += 1;
        let fill = move |file: &mut dyn Write| segment::write(file, &older, items);
        Plan {
            number,
            fill: Box::new(fill),
        }
    }

    /// Adds a segment that is written.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn adopt(&mut self, number: FileNumber) -> io::Result<()> {
        let segment = Segment::open(number, self.files.open(number)?)?;
        self.segments.push(segment);
        Ok(())
    }

    /// Replaces the segments of the last merge by the merged one, which is written. Their files stay
    /// until the log names them no longer ([`remove_replaced`](Self::remove_replaced)).
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn adopt_merged(&mut self, number: FileNumber) -> io::Result<()> {
        let segment = Segment::open(number, self.files.open(number)?)?;
        // Segments that were added meanwhile come after the merged ones.
        let merged = self.merging.take().expect("a merge was planned");
        let replaced = self.segments.splice(merged, [segment]);
        self.replaced.extend(replaced.map(|it| it.number()));
        Ok(())
    }

    /// Removes the files of segments that were replaced. The log on disk must not name them.
    ///
    /// # Errors
    ///
    /// A file cannot be removed.
    pub(crate) fn remove_replaced(&mut self) -> io::Result<()> {
        let mut replaced = std::mem::take(&mut self.replaced).into_iter();
        replaced.try_for_each(|number| self.files.remove(number))
    }
}
