//! `seq-kv`: all requesters see the same history of the store, but not at the same time.
//!
//! The store's states are numbered; 0 is the empty one. Each requester has an index, the last state
//! that it saw, and its next request is evaluated on a state drawn from that one up to the newest.
//! If it would change that state, it is evaluated again on the newest one and makes a new state. So
//! all changes happen in one order, and a requester sees its own changes.
//!
//! Only the newest [`STATES_HELD`] states are kept, in a ring. As upstream, a requester that lags
//! further behind wraps round to newer states, and may see the store go backwards.
//!
//! All states share one store of versions: a key keeps, with the number of the state in which it
//! was assigned, every value that some held state still shows. A request costs O(log keys).

use std::collections::{BTreeMap, VecDeque};

use rand::RngExt;
use serde_json::Value as Json;

use super::Service;
use super::kv::{Key, Request};
use crate::seed::ChaCha8Rng;

/// The number of states that the service remembers.
pub const STATES_HELD: u64 = 32;

/// The sequentially consistent store.
#[derive(Clone, Debug, Default)]
pub struct SeqKv {
    /// The number of the newest state.
    newest: u64,
    /// Per key its values, oldest first, each with the number of the first state that has it.
    versions: BTreeMap<Key, VecDeque<(u64, Json)>>,
    /// The keys that the newest states assigned, oldest first; `None` where a state only repeats
    /// the one before it. At most one fewer than there are states held.
    assigned: VecDeque<Option<Key>>,
    /// The index of each requester; 0 for those not seen yet.
    indices: BTreeMap<String, u64>,
}

impl Service for SeqKv {
    fn handle(&mut self, requester: &str, body: &Json, rng: &mut ChaCha8Rng) -> Option<Json> {
        let request = Request::parse(body)?;
        let index = rng.random_range(self.index(requester)..=self.newest);
        let stale = self.value(&request.key, self.held(index));
        let effect = request.apply(stale);
        let unchanged = effect.assigned.is_none() || effect.assigned.as_ref() == stale;
        let (index, response) = match unchanged {
            true => (index, effect.response),
            false => {
                let response = self.append(request);
                (self.newest, response)
            }
        };
        self.indices.insert(requester.to_owned(), index);
        Some(response)
    }
}

impl SeqKv {
    /// Returns the number of the newest state, which is the number of requests that made a new one.
    #[cfg(test)]
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// Returns the index of a requester: the state drawn for its last request.
    pub fn index(&self, requester: &str) -> u64 {
        self.indices.get(requester).copied().unwrap_or(0)
    }

    /// Returns the state that is used for state `index`: that state while it is held, and otherwise
    /// the one that has taken its place in the ring.
    fn held(&self, index: u64) -> u64 {
        let states_held = (self.newest + 1).min(STATES_HELD);
        self.newest - (self.newest - index) % states_held
    }

    /// Returns the value of a key in a state that is held.
    fn value(&self, key: &Key, state: u64) -> Option<&Json> {
        let mut newest_first = self.versions.get(key)?.iter().rev();
        let version = newest_first.find(|(since, _)| *since <= state);
        version.map(|(_, value)| value)
    }

    /// Makes a new state by applying `request` to the newest one, and returns the response.
    fn append(&mut self, request: Request) -> Json {
        let effect = request.apply(self.value(&request.key, self.newest));
        self.newest += 1;
        let assigned = effect.assigned.map(|value| {
            let versions = self.versions.entry(request.key.clone()).or_default();
            versions.push_back((self.newest, value));
            request.key
        });
        self.assigned.push_back(assigned);
        if self.assigned.len() as u64 == STATES_HELD {
            self.forget_oldest();
        }
        effect.response
    }

    /// Drops the oldest state, and the value that only it could show.
    fn forget_oldest(&mut self) {
        if let Some(Some(key)) = self.assigned.pop_front() {
            let oldest = self.newest + 1 - STATES_HELD;
            let versions = self.versions.get_mut(&key);
            let versions = versions.expect("a key that was assigned has versions");
            while versions.get(1).is_some_and(|(since, _)| *since <= oldest) {
                versions.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::seed::Seed;

    #[test]
    fn value_that_no_held_state_shows_is_dropped() {
        let mut rng = Seed(0).stream("service");
        let mut kv = SeqKv::default();
        for value in 0..1000 {
            let body = json!({ "type": "write", "key": value % 7, "value": value });
            kv.handle("n0", &body, &mut rng);
        }
        let kept: usize = kv.versions.values().map(VecDeque::len).sum();
        // Seven keys in the oldest state, and one assignment for each state since.
        assert_eq!(kept as u64, 7 + STATES_HELD - 1);
    }
}
