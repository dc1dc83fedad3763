//! `lww-kv`: a store of two replicas, where the last write wins.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use rand::RngExt;
use serde_json::Value as Json;

use super::Service;
use super::kv::{Key, Request};
use crate::seed::ChaCha8Rng;

/// The fate of merges between replicas of `lww-kv`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Merges {
    /// Every merge is lost, so the replicas never converge and a read may show an old value at any
    /// time. Upstream does this: it stores the result of a merge, and then stores the result of the
    /// request into the replicas as they were before.
    #[default]
    Lost,
    /// A merge is kept unless the request is performed on the replica that it changed, which seems
    /// to be the intention of upstream's code. Replicas converge after a few requests.
    Kept,
}

impl FromStr for Merges {
    type Err = String;

    fn from_str(name: &str) -> Result<Merges, String> {
        match name {
            "upstream" => Ok(Merges::Lost),
            "merging" => Ok(Merges::Kept),
            _ => Err("must be one of upstream, merging".to_owned()),
        }
    }
}

impl fmt::Display for Merges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Merges::Lost => "upstream",
            Merges::Kept => "merging",
        })
    }
}

/// A store of two replicas. With every request one of them, drawn at random, is merged into another
/// (which may be itself). A third draw decides which one performs the request, on the state that it
/// had before the merge. [`Merges`] decides whether the merge is kept.
///
/// Upstream documents five replicas, and has two.
#[derive(Clone, Debug, Default)]
pub struct LwwKv {
    replicas: [Replica; 2],
    merges: Merges,
}

#[derive(Clone, Debug, Default)]
struct Replica {
    /// The time of the next assignment; later than that of every entry.
    clock: u64,
    entries: BTreeMap<Key, Entry>,
    /// The keys that this replica has assigned since it was last merged into the other one, which
    /// may not have them yet.
    news: BTreeSet<Key>,
}

#[derive(Clone, Debug)]
struct Entry {
    time: u64,
    value: Json,
}

impl Service for LwwKv {
    fn handle(&mut self, _: &str, body: &Json, rng: &mut ChaCha8Rng) -> Option<Json> {
        let request = Request::parse(body)?.never_creating();
        let mut draw = || rng.random_range(0..self.replicas.len());
        let (source, destination, performer) = (draw(), draw(), draw());
        if self.merges == Merges::Kept && performer != destination {
            self.merge(source, destination);
        }
        Some(self.replicas[performer].perform(request))
    }
}

impl LwwKv {
    /// Creates an empty store.
    pub fn new(merges: Merges) -> LwwKv {
        LwwKv {
            merges,
            ..LwwKv::default()
        }
    }

    /// Merges the entries of `source` into `destination`. Of two entries the later one stays; at
    /// equal times the source's.
    fn merge(&mut self, source: usize, destination: usize) {
        let Ok([source, destination]) = self.replicas.get_disjoint_mut([source, destination])
        else {
            return;
        };
        destination.clock = destination.clock.max(source.clock);
        for key in std::mem::take(&mut source.news) {
            let entry = &source.entries[&key];
            let known = destination.entries.get(&key);
            if known.is_none_or(|known| known.time <= entry.time) {
                destination.news.remove(&key);
                destination.entries.insert(key, entry.clone());
            }
        }
    }
}

impl Replica {
    fn perform(&mut self, request: Request) -> Json {
        let current = self.entries.get(&request.key).map(|entry| &entry.value);
        let effect = request.apply(current);
        if let Some(value) = effect.assigned {
            let time = self.clock;
            self.clock += 1;
            self.news.insert(request.key.clone());
            self.entries.insert(request.key, Entry { time, value });
        }
        effect.response
    }
}
