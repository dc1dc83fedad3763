//! `lin-tso`: a timestamp oracle.

use serde_json::{Value as Json, json};

use super::Service;
use crate::seed::ChaCha8Rng;

/// Returns 0, 1, 2, …: each request gets the next number.
#[derive(Clone, Debug, Default)]
pub struct LinTso {
    next: u64,
}

impl Service for LinTso {
    fn handle(&mut self, _: &str, body: &Json, _: &mut ChaCha8Rng) -> Option<Json> {
        if body.get("type").and_then(Json::as_str) != Some("ts") {
            return None;
        }
        let ts = self.next;
        self.next += 1;
        Some(json!({ "type": "ts_ok", "ts": ts }))
    }
}
