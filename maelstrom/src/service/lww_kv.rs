//! `lww-kv`: eventual consistency by Lamport clocks, where the last write wins.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use serde_json::Value as Json;

use super::Service;
use super::kv::{Key, Request};
use crate::seed::ChaCha8Rng;

/// Two replicas. With every request one of them, drawn at random, is merged into another (which may
/// be itself), and a third draw decides on which one the request is performed.
///
/// The request is performed on what its replica was before the merge, and the outcome is stored
/// over the merge's: a replica that is both forgets what it was just told. Upstream documents five
/// replicas, and has two.
#[derive(Clone, Debug, Default)]
pub struct LwwKv {
    replicas: [Replica; 2],
}

#[derive(Clone, Debug, Default)]
struct Replica {
    /// The time of the next assignment; later than that of every entry.
    clock: u64,
    entries: BTreeMap<Key, Entry>,
    /// The keys that this replica has assigned since it was last merged into the other one: all
    /// that the other may not know yet.
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
        if performer != destination {
            self.merge(source, destination);
        }
        Some(self.replicas[performer].perform(request))
    }
}

impl LwwKv {
    /// Brings what `source` knows to `destination`. Of two entries the later one stays; at equal
    /// times the source's.
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
