//! A segment: a hash table in a file, written once and in the order of its hashes.
//!
//! The file begins with the buckets, each with its items one after the other. The directory follows: the
//! offset and the checksum of each bucket, and the end of the last one. The footer has the offset of the
//! directory, the number of items and the number of buckets. All numbers are little endian.
//!
//! A damaged bucket must not look like one without the key, because a request would then take effect
//! again. A look-up therefore checks the whole bucket.

use std::cmp::Reverse;
use std::io::{self, ErrorKind, Write};
use std::vec;

use glomers::{stable_hash, stable_hash_with};

use super::{Contents, FileNumber};
use crate::shop::{Record, ShardId};

/// Last bytes of a segment.
const MAGIC: [u8; 8] = *b"ARCHIVE1";

/// Size of the footer: three numbers of eight bytes and the magic bytes.
const FOOTER_BYTES: u64 = 32;

/// Size of a bucket's entry in the directory.
const ENTRY_BYTES: u64 = 16;

/// Average number of items in a bucket. More make look-ups read more, fewer make the directory larger.
const BUCKET_ITEMS: u64 = 16;

/// A record in a segment. Items are ordered by hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    hash: u64,
    pub(super) shard: ShardId,
    pub(super) key: String,
    /// The record, serialised.
    value: Vec<u8>,
}

impl Item {
    pub(super) fn new(shard: ShardId, key: &str, record: &Record) -> io::Result<Self> {
        Ok(Self {
            hash: hash_of(shard, key),
            shard,
            key: key.to_owned(),
            value: serde_json::to_vec(record)?,
        })
    }

    pub(super) fn record(&self) -> io::Result<Record> {
        Ok(serde_json::from_slice(&self.value)?)
    }

    /// Returns what determines the place of the item in a segment.
    fn place(&self) -> (u64, ShardId, &str) {
        (self.hash, self.shard, &self.key)
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.shard.to_le_bytes());
        for part in [self.key.as_bytes(), &self.value] {
            bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
            bytes.extend_from_slice(part);
        }
    }
}

/// Returns the hash of a key, which determines its bucket.
pub(super) fn hash_of(shard: ShardId, key: &str) -> u64 {
    // The bucket is in the high bits, to which the last bytes of a key contribute little in FNV-1a.
    let hash = stable_hash_with(shard.into(), key.as_bytes());
    (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd)
}

/// Writes a segment with items in ascending order, and with those of older segments that have other
/// keys.
pub(super) fn write(file: &mut dyn Write, older: &[Segment], items: Vec<Item>) -> io::Result<()> {
    let count_max = older.iter().map(Segment::count).sum::<u64>() + items.len() as u64;
    let bits = count_max.div_ceil(BUCKET_ITEMS).next_power_of_two().ilog2();
    let mut directory = Vec::new();
    let (mut bucket, mut bytes) = (0, Vec::new());
    let (mut offset, mut count) = (0, 0_u64);
    let mut end_bucket = |bytes: &mut Vec<u8>, offset: &mut u64, directory: &mut Vec<u8>| {
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(&stable_hash(bytes).to_le_bytes());
        *offset += bytes.len() as u64;
        let written = file.write_all(bytes);
        bytes.clear();
        written
    };
    let mut merge = Merge::new(older, items)?;
    while let Some(item) = merge.next()? {
        while bucket < bucket_of(item.hash, bits) {
            end_bucket(&mut bytes, &mut offset, &mut directory)?;
            bucket += 1;
        }
        item.encode(&mut bytes);
        count += 1;
    }
    while bucket < 1 << bits {
        end_bucket(&mut bytes, &mut offset, &mut directory)?;
        bucket += 1;
    }
    directory.extend_from_slice(&offset.to_le_bytes());
    for number in [offset, count, u64::from(bits)] {
        directory.extend_from_slice(&number.to_le_bytes());
    }
    directory.extend_from_slice(&MAGIC);
    file.write_all(&directory)
}

fn bucket_of(hash: u64, bits: u32) -> u64 {
    hash.checked_shr(u64::BITS - bits).unwrap_or(0)
}

/// A segment.
#[derive(Clone)]
pub(super) struct Segment {
    number: FileNumber,
    contents: Contents,
    directory: u64,
    count: u64,
    bits: u32,
}

impl Segment {
    pub(super) fn open(number: FileNumber, contents: Contents) -> io::Result<Self> {
        let length = contents.length()?;
        let Some(footer) = length.checked_sub(FOOTER_BYTES) else {
            return Err(damaged(number, "is too short"));
        };
        let footer: [u8; FOOTER_BYTES as usize] = read(&contents, footer)?;
        let [directory, count, bits] = [0, 8, 16].map(|at| number_at(&footer, at));
        let directory_bytes = 1_u64
            .checked_shl(bits as u32)
            .map(|it| it * ENTRY_BYTES + 8);
        let is_whole = footer[24..] == MAGIC
            && bits < 48
            && Some(length) == directory_bytes.map(|it| directory + it + FOOTER_BYTES);
        match is_whole {
            true => Ok(Self {
                number,
                contents,
                directory,
                count,
                bits: bits as u32,
            }),
            false => Err(damaged(number, "has no valid footer")),
        }
    }

    pub(super) fn number(&self) -> FileNumber {
        self.number
    }

    /// Returns the number of items.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn get(&self, hash: u64, shard: ShardId, key: &str) -> io::Result<Option<Record>> {
        let bytes = self.bucket(bucket_of(hash, self.bits))?;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (of, its_key, value) = self.decode(&mut rest)?;
            if of == shard && its_key == key.as_bytes() {
                return Ok(Some(serde_json::from_slice(value)?));
            }
        }
        Ok(None)
    }

    /// Returns all items in ascending order.
    pub(super) fn items(&self) -> Items {
        Items {
            segment: self.clone(),
            bucket: 0,
            items: Vec::new().into_iter(),
        }
    }

    /// Returns the items of a bucket in ascending order.
    fn items_in(&self, bucket: u64) -> io::Result<Vec<Item>> {
        let bytes = self.bucket(bucket)?;
        let mut rest = &bytes[..];
        let mut items = Vec::new();
        while !rest.is_empty() {
            let (shard, key, value) = self.decode(&mut rest)?;
            let key = String::from_utf8(key.to_vec()).map_err(io::Error::other)?;
            items.push(Item {
                hash: hash_of(shard, &key),
                shard,
                key,
                value: value.to_vec(),
            });
        }
        Ok(items)
    }

    fn bucket(&self, bucket: u64) -> io::Result<Vec<u8>> {
        let entry: [u8; 24] = read(&self.contents, self.directory + bucket * ENTRY_BYTES)?;
        let [start, checksum, end] = [0, 8, 16].map(|at| number_at(&entry, at));
        if start > end || end > self.directory {
            return Err(damaged(self.number, "has no valid directory"));
        }
        let mut bytes = vec![0; (end - start) as usize];
        self.contents.read_at(start, &mut bytes)?;
        match stable_hash(&bytes) == checksum {
            true => Ok(bytes),
            false => Err(damaged(self.number, "has a bucket with a wrong checksum")),
        }
    }

    /// Splits the shard, key and value of an item off.
    fn decode<'a>(&self, rest: &mut &'a [u8]) -> io::Result<(ShardId, &'a [u8], &'a [u8])> {
        let bytes: &'a [u8] = rest;
        let mut parts = || {
            let (shard, after) = bytes.split_at_checked(4)?;
            let shard = ShardId::from_le_bytes(shard.try_into().ok()?);
            let (key, after) = split_part(after)?;
            let (value, after) = split_part(after)?;
            *rest = after;
            Some((shard, key, value))
        };
        parts().ok_or_else(|| damaged(self.number, "has a bucket that ends within an item"))
    }
}

/// The items of a segment, read bucket after bucket.
pub(super) struct Items {
    segment: Segment,
    bucket: u64,
    items: vec::IntoIter<Item>,
}

impl Iterator for Items {
    type Item = io::Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.items.next() {
                return Some(Ok(item));
            }
            if self.bucket == 1 << self.segment.bits {
                return None;
            }
            match self.segment.items_in(self.bucket) {
                Ok(items) => self.items = items.into_iter(),
                Err(e) => return Some(Err(e)),
            }
            self.bucket += 1;
        }
    }
}

/// The items of several sources in ascending order. Of items with the same key, only the one of the last
/// source remains.
struct Merge {
    sources: Vec<Source>,
}

/// Items in ascending order, the first of which is known.
struct Source {
    first: Option<Item>,
    rest: Box<dyn Iterator<Item = io::Result<Item>>>,
}

impl Source {
    fn new(items: impl Iterator<Item = io::Result<Item>> + 'static) -> io::Result<Self> {
        let mut source = Self {
            first: None,
            rest: Box::new(items),
        };
        source.take()?;
        Ok(source)
    }

    /// Takes the first item.
    fn take(&mut self) -> io::Result<Option<Item>> {
        let next = self.rest.next().transpose()?;
        Ok(std::mem::replace(&mut self.first, next))
    }
}

impl Merge {
    fn new(older: &[Segment], items: Vec<Item>) -> io::Result<Self> {
        let older = older.iter().map(|segment| Source::new(segment.items()));
        let newest = Source::new(items.into_iter().map(Ok));
        Ok(Self {
            sources: older.chain([newest]).collect::<io::Result<_>>()?,
        })
    }

    fn next(&mut self) -> io::Result<Option<Item>> {
        let firsts = self.sources.iter().enumerate();
        let firsts = firsts.filter_map(|(number, it)| Some((number, it.first.as_ref()?)));
        // Of several elements with the same key, the last one is the maximum.
        let last = firsts.max_by_key(|(_, first)| Reverse(first.place()));
        let Some(last) = last.map(|(number, _)| number) else {
            return Ok(None);
        };
        let item = self.sources[last].take()?;
        for source in &mut self.sources {
            if source.first.as_ref().map(Item::place) == item.as_ref().map(Item::place) {
                source.take()?;
            }
        }
        Ok(item)
    }
}

fn read<const N: usize>(contents: &Contents, offset: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    contents.read_at(offset, &mut bytes)?;
    Ok(bytes)
}

fn number_at(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes[at..at + 8].try_into();
    u64::from_le_bytes(bytes.expect("eight bytes"))
}

/// Splits a part off that begins with its length.
fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, after) = bytes.split_at_checked(4)?;
    let length = u32::from_le_bytes(length.try_into().ok()?);
    after.split_at_checked(length as usize)
}

fn damaged(number: FileNumber, what: &str) -> io::Error {
    let text = format!("archive file {number} {what}");
    io::Error::new(ErrorKind::InvalidData, text)
}
