//! Models of the stores that follow their definitions, without regard to cost.

use std::collections::BTreeMap;

use rand::RngExt;
use serde_json::{Value as Json, json};

use crate::seed::{ChaCha8Rng, Seed};
use crate::service::seq_kv::STATES_HELD;
use crate::service::{LwwKv, Merges, SeqKv, Service};

/// `seq-kv` according to its definition, with a full copy of the store for each state.
#[derive(Default)]
struct NaiveSeqKv {
    newest: u64,
    states: Vec<BTreeMap<String, Json>>,
    indices: BTreeMap<String, u64>,
}

impl Service for NaiveSeqKv {
    fn handle(&mut self, requester: &str, body: &Json, rng: &mut ChaCha8Rng) -> Option<Json> {
        if self.states.is_empty() {
            self.states.push(BTreeMap::new());
        }
        let index = self.indices.entry(requester.to_owned()).or_default();
        let picked = rng.random_range(*index..=self.newest);
        let places_back = (self.newest - picked) as usize % self.states.len();
        let stale = &self.states[self.states.len() - 1 - places_back];
        let (response, state) = naive(stale, body);
        if state == *stale {
            *index = picked;
            return Some(response);
        }
        let (response, state) = naive(&self.states[self.states.len() - 1], body);
        self.newest += 1;
        *index = self.newest;
        self.states.push(state);
        if self.states.len() as u64 > STATES_HELD {
            self.states.remove(0);
        }
        Some(response)
    }
}

/// `lww-kv` after upstream's code, with merges that compare every key.
#[derive(Clone, Default)]
struct NaiveLwwKv {
    replicas: [(u64, Entries); 2],
    merges: Merges,
}

/// For each key, the time of its assignment and its value.
type Entries = BTreeMap<String, (u64, Json)>;

impl Service for NaiveLwwKv {
    fn handle(&mut self, _: &str, body: &Json, rng: &mut ChaCha8Rng) -> Option<Json> {
        let (source, destination, performer) = (
            rng.random_range(0..2),
            rng.random_range(0..2),
            rng.random_range(0..2),
        );
        let before = self.replicas.clone();
        let (mut clock, mut entries) = before[performer].clone();
        let (source_clock, source) = before[source].clone();
        let target = &mut self.replicas[destination];
        target.0 = target.0.max(source_clock);
        for (key, entry) in source {
            if target.1.get(&key).is_none_or(|known| known.0 <= entry.0) {
                target.1.insert(key, entry);
            }
        }
        let plain = entries
            .iter()
            .map(|(key, (_, value))| (key.clone(), value.clone()));
        let mut body = body.clone();
        body.as_object_mut()
            .expect("an object")
            .remove("create_if_not_exists");
        let (response, _) = naive(&plain.collect(), &body);
        let assigned = match response["type"].as_str() {
            Some("write_ok") => Some(&body["value"]),
            Some("cas_ok") => Some(&body["to"]),
            _ => None,
        };
        if let Some(value) = assigned {
            entries.insert(body["key"].to_string(), (clock, value.clone()));
            clock += 1;
        }
        if self.merges == Merges::Lost {
            self.replicas = before;
        }
        self.replicas[performer] = (clock, entries);
        Some(response)
    }
}

/// Returns the response to a request, and the store after it.
fn naive(store: &BTreeMap<String, Json>, body: &Json) -> (Json, BTreeMap<String, Json>) {
    let mut store = store.clone();
    let key = body["key"].to_string();
    let error = |code: u32, text: String| json!({ "type": "error", "code": code, "text": text });
    let response = match (body["type"].as_str(), store.get(&key)) {
        (Some("read"), Some(value)) => json!({ "type": "read_ok", "value": value }),
        (Some("write"), _) => {
            store.insert(key, body["value"].clone());
            json!({ "type": "write_ok" })
        }
        (Some("cas"), Some(value)) if *value != body["from"] => {
            let text = format!("current value {value} is not {}", body["from"]);
            error(22, text)
        }
        (Some("cas"), found) if found.is_some() || body["create_if_not_exists"] == true => {
            store.insert(key, body["to"].clone());
            json!({ "type": "cas_ok" })
        }
        _ => error(20, "key does not exist".to_owned()),
    };
    (response, store)
}

/// Draws requests that often conflict: few keys, few values, few requesters.
fn requests(rng: &mut ChaCha8Rng) -> (String, Json) {
    let requester = format!("n{}", rng.random_range(0..4));
    let (key, from, to) = (
        rng.random_range(0..3),
        rng.random_range(0..3),
        rng.random_range(0..3),
    );
    let body = match rng.random_range(0..4) {
        0 => json!({ "type": "read", "key": key }),
        1 => json!({ "type": "write", "key": key, "value": to }),
        2 => json!({ "type": "cas", "key": key, "from": from, "to": to }),
        _ => json!({
            "type": "cas", "key": key, "from": from, "to": to, "create_if_not_exists": true
        }),
    };
    (requester, body)
}

fn agree(mut one: impl Service, mut other: impl Service, seed: u64) {
    let mut rng = Seed(seed).stream("requests");
    let mut draws = [Seed(seed).stream("service"), Seed(seed).stream("service")];
    for _ in 0..400 {
        let (requester, body) = requests(&mut rng);
        let answer = one.handle(&requester, &body, &mut draws[0]);
        assert_eq!(
            answer,
            other.handle(&requester, &body, &mut draws[1]),
            "to {body}"
        );
    }
}

#[test]
fn seq_kv_answers_like_its_model() {
    for seed in 0..40 {
        agree(SeqKv::default(), NaiveSeqKv::default(), seed);
    }
}

#[test]
fn lww_kv_answers_like_its_model() {
    for seed in 0..40 {
        for merges in [Merges::Lost, Merges::Kept] {
            let model = NaiveLwwKv {
                merges,
                ..NaiveLwwKv::default()
            };
            agree(LwwKv::new(merges), model, seed);
        }
    }
}
